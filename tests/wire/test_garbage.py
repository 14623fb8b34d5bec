"""Whatever bytes arrive, nothing escapes into the reactor, and what is no AMP cuts the link."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.protocols import amp

from evenrack.trust.tls import Peer
from evenrack.wire.region_commands import Enrol, Hello, ListAuthorities, Ping, RenewCertificate
from tests.wire.both_ends import Link, hello_arguments

KEYS = st.sampled_from(
    [b"_ask", b"_answer", b"_error", b"_command", b"_error_code", b"_error_description"]
) | st.sampled_from([b"lookup", b"request", b"proof", b"known", b"plan", b"plan.0", b"link"])
BYTES = st.binary(max_size=40)
NAMES = st.sampled_from(
    [c.commandName for c in (Enrol, Hello, ListAuthorities, Ping, RenewCertificate)]
    + [b"ApplyPlan", b"Goodbye", b"ReportLostLink", b"ListEndpoints", b"Nonsense"]
)
VALUES = BYTES | NAMES | st.sampled_from([b"1", b"2", b"3", b""])
BOXES = st.dictionaries(KEYS, VALUES, min_size=1).map(lambda box: amp.Box(box).serialize())
GARBAGE = st.lists(BOXES | BYTES, min_size=1, max_size=4).map(b"".join)
STAGES = st.sampled_from(["no certificate", "certificate", "introduced"])


def at(stage):
    link = Link()
    if stage == "no certificate":
        link.desk.door.who = lambda _transport: Peer(rack=None)
    if stage == "introduced":
        link.introduce()
    return link


@given(STAGES, GARBAGE, st.integers(0, 40))
def test_any_bytes_at_any_stage_to_the_region_let_nothing_escape(stage, garbage, split):
    link = at(stage)
    for piece in (garbage[:split], garbage[split:]):
        if not link.wire.is_gone:
            link.wire.client_end.write(piece)
            link.world.settle()
    link.rack.abort()
    link.world.advance(0.6)
    assert link.desk.links == []
    assert link.world.clock.getDelayedCalls() == []


@given(STAGES, GARBAGE, st.integers(0, 40))
def test_any_bytes_at_any_stage_to_the_rack_let_nothing_escape(stage, garbage, split):
    link = at(stage)
    for piece in (garbage[:split], garbage[split:]):
        if not link.wire.is_gone:
            link.wire.server_end.write(piece)
            link.world.settle()
    link.region.abort()
    link.world.advance(0.2)
    assert not link.rack.is_open
    assert link.world.clock.getDelayedCalls() == []


NO_AMP = {
    "a key that is too long": b"\x01\x01" + b"k" * 257,
    "an http request": b"GET / HTTP/1.1\r\nHost: region1\r\n\r\n",
    "a box without a command": amp.Box(rack=b"1").serialize(),
    "an empty box": b"\x00\x00",
    "an answer to nothing": amp.Box(_answer=b"ff").serialize(),
    "an error to nothing": amp.Box(_error=b"ff", _error_code=b"X").serialize(),
    "an error without a code": amp.Box(_error=b"1").serialize(),
}


@pytest.mark.parametrize("end", ["region", "rack"])
@pytest.mark.parametrize("garbage", NO_AMP.values(), ids=[*NO_AMP])
def test_bytes_that_are_no_amp_cut_the_link(end, garbage):
    link = Link().introduce()
    sender = link.wire.client_end if end == "region" else link.wire.server_end
    sender.write(garbage)
    link.world.settle()
    assert link.wire.is_gone
    assert link.desk.links == []


def test_after_garbage_nothing_else_of_the_same_packet_is_obeyed():
    link = Link().introduce()
    goodbye = amp.Box(_command=b"Goodbye", _ask=b"77").serialize()
    link.wire.client_end.write(amp.Box(_answer=b"ff").serialize() + goodbye)
    link.world.settle()
    assert ("goodbye", link.memory.rack, "run1") not in link.desk.told


@example({"protocol": b"3"})
@given(st.dictionaries(st.sampled_from([*hello_arguments()]), st.binary(max_size=300)))
def test_a_hello_of_any_bytes_is_taken_or_refused_and_only_another_version_ends_the_link(
    changed,
):
    link = at("certificate")
    arguments = {**hello_arguments(), **changed}
    outcome = link.ask(link.rack.callRemoteString(Hello.commandName, **arguments))
    if isinstance(outcome.results[0], dict):
        assert not link.wire.is_gone
    else:
        assert outcome.code() in {b"BAD_ARGUMENTS", b"VERSION_REFUSED"}
        assert link.wire.is_gone is (outcome.code() == b"VERSION_REFUSED")
