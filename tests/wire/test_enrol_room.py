"""The room without a certificate: one try to enrol, and nothing else is answered."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.errors import DatabaseUnreachable, EnrolmentRefused
from evenrack.region.links.doorkeeper import Application, Enrolled
from evenrack.region.links.refusals import Refusals
from evenrack.trust.tls import Peer
from evenrack.wire.region_commands import Enrol
from tests.wire.both_ends import Desk, Link, Outcome, World, raw

ASKED = {"lookup": "look4321", "request": b"\x30\x82", "proof": b"\x00" * 32, "hostname": "rack7"}
ANSWER = Enrolled(certificate=b"certificate", authorities=b"authorities", proof=b"proof")


def stranger(**more):
    """A link whose rack showed no certificate."""
    link = Link(**more)
    link.desk.door.who = lambda _transport: Peer(rack=None)
    return link


def enrol(link, **changed):
    return link.ask(link.rack.callRemote(Enrol, **{**ASKED, **changed}))


def test_who_enrols_gets_its_certificate_and_is_let_go_half_a_second_later():
    link = stranger()
    link.desk.door.answer = ANSWER
    answer = enrol(link).value()
    assert answer == {
        "certificate": b"certificate",
        "authorities": b"authorities",
        "proof": b"proof",
    }
    assert not link.wire.is_gone
    link.world.advance(0.6)
    assert link.wire.is_gone
    assert link.world.clock.getDelayedCalls() == []


def test_the_doorkeeper_hears_what_was_said_and_from_where():
    link = stranger()
    enrol(link)
    ((what, application),) = link.desk.door.told
    assert what == "enrol"
    assert application == Application(**ASKED, peer_address=link.region.peer_address)
    assert application.peer_address.startswith("10.0.0.1:")


def test_an_application_shows_neither_request_nor_proof():
    text = repr(Application(**ASKED, peer_address="here"))
    assert repr(ASKED["request"]) not in text
    assert repr(ASKED["proof"]) not in text


def test_who_enrols_is_no_rack_of_the_process_yet():
    link = stranger()
    link.desk.door.answer = ANSWER
    enrol(link).value()
    link.world.advance(1.0)
    assert link.desk.told == []


def test_a_refusal_is_told_with_its_reason_logged_and_ends_the_link(logged):
    link = stranger()
    link.desk.door.answer = EnrolmentRefused("the enrolment secret is used up")
    problem = enrol(link).error()
    assert isinstance(problem, EnrolmentRefused)
    assert "used up" in str(problem)
    link.world.advance(0.6)
    assert link.wire.is_gone
    assert [line for line in logged() if "refused 10.0.0.1" in line and "used up" in line]


def test_without_a_database_it_is_told_so_and_it_is_no_bug():
    link = stranger()
    link.desk.door.answer = DatabaseUnreachable("no answer")
    assert isinstance(enrol(link).error(), DatabaseUnreachable)
    link.world.advance(0.6)
    assert link.wire.is_gone


@pytest.mark.parametrize("answer", [ANSWER, EnrolmentRefused("no")], ids=["let in", "refused"])
def test_there_is_one_try_for_each_connection(answer):
    link = stranger()
    link.desk.door.answer = answer
    enrol(link)
    again = enrol(link)
    assert link.wire.is_gone
    assert not isinstance(again.error(), amp.RemoteAmpError)
    assert len(link.desk.door.told) == 1


def test_a_second_try_in_the_same_packet_is_not_heard():
    link = stranger()
    first = Outcome(link.rack.callRemote(Enrol, **ASKED))
    enrol(link)
    assert first.is_there
    assert link.wire.is_gone
    assert len(link.desk.door.told) == 1


def test_who_was_let_in_says_hello_with_its_certificate_on_another_link_only():
    link = stranger()
    link.desk.door.answer = ANSWER
    enrol(link).value()
    link.ask(link.rack.greet())
    assert link.wire.is_gone
    assert link.desk.told == []


def test_who_has_a_certificate_cannot_enrol_before_or_after_its_hello():
    for stage in ("before", "after"):
        link = Link()
        if stage == "after":
            link.introduce()
        enrol(link)
        assert link.wire.is_gone
        assert link.desk.door.told == []


HOSTILE = [
    {"lookup": b"l" * 65},
    {"lookup": b"\xff"},
    {"lookup": None},
    {"request": None},
    {"proof": None},
    {"hostname": b""},
    {"hostname": b"h" * 254},
    {"hostname": b"a\nb"},
    {"hostname": b"\x1b[31mred"},
    {"hostname": None},
]


@pytest.mark.parametrize("changed", HOSTILE, ids=repr)
def test_hostile_arguments_are_refused_before_anybody_looks_at_the_secret(changed):
    link = stranger()
    plain = {name: v if isinstance(v, bytes) else v.encode() for name, v in ASKED.items()}
    said = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    assert link.ask(raw(link.rack, Enrol, **said)).code() == b"BAD_ARGUMENTS"
    assert link.desk.door.told == []


@given(st.binary(max_size=2_000), st.binary(max_size=100))
def test_any_bytes_reach_the_doorkeeper_as_they_are(request, proof):
    link = stranger()
    enrol(link, request=request, proof=proof)
    ((_, application),) = link.desk.door.told
    assert (application.request, application.proof) == (request, proof)


def test_a_stranger_that_comes_again_and_again_is_logged_once(logged):
    desk = Desk(world=World())
    refusals = Refusals()
    for _ in range(5):
        link = stranger(desk=desk, reception={"refusals": refusals})
        link.ask(link.rack.greet())
        assert link.wire.is_gone
    (line,) = [line for line in logged() if line.startswith("refused 10.0.0.1:")]
    assert "evenrack-rackd register" in line


def test_a_link_that_ends_while_the_region_thinks_leaves_nothing_behind():
    link = stranger()
    thinks = Deferred()

    async def enrols(application, transport):
        await thinks
        return evolve(ANSWER)

    link.desk.door.enrol = enrols
    outcome = enrol(link)
    link.rack.abort()
    link.world.settle()
    thinks.callback(None)
    link.world.advance(0.6)
    assert outcome.is_there
    assert link.world.clock.getDelayedCalls() == []


def test_a_region_that_thinks_longer_than_silence_ends_a_link_still_answers():
    # The secret would be used up and the rack would have nothing for it.
    link = stranger()
    thinks = Deferred()

    async def enrols(application, transport):
        await thinks
        return evolve(ANSWER)

    link.desk.door.enrol = enrols
    link.rack._watch_silence = lambda: None
    link.rack.allow_silence()
    outcome = enrol(link)
    link.world.advance(8.0)
    thinks.callback(None)
    link.world.settle()
    assert outcome.value()["certificate"] == b"certificate"
