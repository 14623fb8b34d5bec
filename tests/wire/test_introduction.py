"""How a link begins: one room to enrol in, one for who has a certificate; the rest is cut."""

import json

import pytest
from hypothesis import given
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.errors import (
    DatabaseUnreachable,
    NotTrusted,
    RackIdentityInUse,
    RegionUnreachable,
    VersionRefused,
)
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId
from evenrack.region.links.rack_session import MOST_BYTES_OF_RACK, MOST_BYTES_OF_STRANGER
from evenrack.region.links.refusals import Refusals
from evenrack.trust.tls import Peer
from evenrack.wire.rack_commands import ApplyPlan
from evenrack.wire.region_commands import Goodbye, Hello, Ping
from evenrack.wire.version import PROTOCOL
from tests.strategies import rack_plans
from tests.wire.both_ends import RACK, Desk, Link, Outcome, World, hello_arguments, raw
from tests.wire.test_arguments import ANY_JSON


def said_to_region(link, command, **arguments):
    """Ask with these bytes, whatever they are."""
    return link.ask(raw(link.rack, command, **arguments))


def refusals_in(logged):
    return [line for line in logged() if line.startswith("refused 10.0.0.1:")]


def test_p26_both_ends_get_to_know_each_other():
    link = Link().introduce()
    assert link.rack.process == "region1/1"
    assert link.rack.link == link.region.link
    assert (link.region.rack, link.region.run, link.region.hostname) == (RACK, "run1", "rack1")
    assert link.desk.told == [("admit", RACK)]


def test_the_hello_says_which_plan_the_rack_follows():
    link = Link(rack={"holds": lambda: (FleetNumber(2, 9), "abc")}).introduce()
    assert (link.region.holds, link.region.holds_fingerprint) == (FleetNumber(2, 9), "abc")


def test_which_rack_it_is_the_certificate_says_and_not_the_message():
    link = Link()
    link.desk.door.who = lambda _transport: Peer(rack=RackId("rack0007"), serial="77")
    said_to_region(link, Hello, **hello_arguments(), rack=b"rack0002").value()
    assert (link.region.rack, link.region.peer.serial) == ("rack0007", "77")
    assert link.desk.told == [("admit", "rack0007")]


def test_who_is_at_the_other_end_is_asked_once_when_the_handshake_is_over():
    asked = []
    link = Link()
    link.desk.door.who = lambda transport: asked.append(transport) or Peer(rack=RACK)
    assert asked == []  # the connection is made before TLS has its certificate
    link.introduce()
    link.world.advance(5.0)
    assert asked == [link.region.transport]


def test_a_second_hello_cuts_the_link_and_the_rack_counts_once():
    link = Link().introduce()
    said_to_region(link, Hello, **hello_arguments())
    assert link.wire.is_gone
    assert link.desk.told == [("admit", RACK), ("gone", RACK)]


def test_a_second_hello_in_the_same_packet_cuts_the_link_too():
    link = Link()
    link.desk.slow = Deferred()
    first = Outcome(raw(link.rack, Hello, **hello_arguments()))
    said_to_region(link, Hello, **hello_arguments())
    assert link.wire.is_gone
    assert not isinstance(first.error(), amp.RemoteAmpError)
    assert link.desk.told == [("admit", RACK), ("gone", RACK)]
    link.desk.slow.errback(RackIdentityInUse("the link ended before it was recorded"))


def test_all_commands_in_one_packet_are_cut_at_the_first_that_is_out_of_turn():
    link = Link()
    raw(link.rack, Goodbye).addErrback(lambda _: None)
    said_to_region(link, Hello, **hello_arguments())
    assert link.wire.is_gone
    assert link.wire.from_server == b""
    assert link.desk.told == []


def test_an_unknown_command_before_the_hello_cuts_the_link_without_an_answer():
    link = Link()
    link.ask(link.rack.callRemoteString(b"Nonsense"))
    assert link.wire.is_gone
    assert link.wire.from_server == b""


def test_while_the_hello_waits_for_its_row_only_pings_are_answered():
    link = Link()
    link.desk.slow = Deferred()
    link.ask(link.rack.greet())
    assert said_to_region(link, Ping).value()
    said_to_region(link, Goodbye)
    assert link.wire.is_gone
    assert ("goodbye", RACK, "run1") not in link.desk.told
    link.desk.slow.errback(RackIdentityInUse("the link ended before it was recorded"))


def revoked_link():
    link = Link()
    link.desk.door.revoked.add("5e1a1")
    return link


def test_a_revoked_certificate_is_told_so_at_its_hello_and_let_go(logged):
    link = revoked_link()
    problem = link.ask(link.rack.greet()).error()
    assert isinstance(problem, NotTrusted)
    assert "rack0001 was revoked" in str(problem)
    assert "enrol again" in str(problem)
    assert link.wire.is_gone
    assert link.desk.told == []
    (line,) = refusals_in(logged)
    assert line.endswith("the certificate of rack rack0001 was revoked")


@pytest.mark.parametrize("command", [Ping, Goodbye, Hello], ids=lambda c: c.__name__)
def test_nothing_that_a_revoked_rack_sends_with_its_hello_is_obeyed(command):
    link = revoked_link()
    raw(link.rack, Hello, **hello_arguments()).addErrback(lambda _: None)
    said_to_region(link, command, **(hello_arguments() if command is Hello else {}))
    assert link.wire.is_gone
    assert link.desk.told == []


def test_the_certificate_of_another_rack_that_is_revoked_is_this_one_s_affair_not():
    link = Link()
    link.desk.door.revoked.add("5e1a2")
    link.introduce()
    assert link.desk.told == [("admit", RACK)]


@pytest.mark.parametrize("protocol", [2, 3])
def test_racks_of_this_version_and_the_one_before_are_served(protocol):
    link = Link()
    said_to_region(link, Hello, **hello_arguments(protocol=b"%d" % protocol)).value()
    assert said_to_region(link, Ping).value()
    assert link.desk.told == [("admit", RACK)]


@pytest.mark.parametrize("protocol", [0, 1, PROTOCOL + 1, -1, 99])
def test_another_version_of_the_conversation_is_refused_with_what_to_do(protocol):
    link = Link()
    arguments = hello_arguments(protocol=b"%d" % protocol)
    arguments = Hello.parseArguments(
        amp.Box({name.encode(): value for name, value in arguments.items()}), None
    )
    problem = link.ask(link.rack.callRemote(Hello, **arguments)).error()
    assert isinstance(problem, VersionRefused)
    assert f"speaks version {protocol}, this region 2 to {PROTOCOL}" in str(problem)
    assert "upgrade regions first" in str(problem)
    assert link.desk.told == []


def test_a_rack_of_a_refused_version_is_let_go_once_it_was_told():
    link = Link()
    assert said_to_region(link, Hello, **hello_arguments(protocol=b"99")).is_there
    assert b"VERSION_REFUSED" in link.wire.from_server
    assert link.wire.is_gone


HOSTILE_ARGUMENTS = [
    {"run": b"r" * 65},
    {"run": b"\x00"},
    {"run": "ü".encode()},
    {"run": None},
    {"hostname": b""},
    {"hostname": b"h" * 254},
    {"hostname": b"h" * 16_000},
    {"hostname": b"a\nb"},
    {"hostname": b"\x1b[31mred"},
    {"hostname": "\u202egnp.exe".encode()},
    {"hostname": b"\xed\xa0\x80"},
    {"hostname": None},
    {"generation": b""},
    {"generation": b"1"},
    {"generation": b"-1.0"},
    {"generation": b"1." + b"9" * 16},
    {"generation": b"9" * 5_000 + b".1"},
    {"fingerprint": b"f" * 65},
    {"failure_domain": b"d" * 65},
    {"failure_domain": b" room 1"},
    {"failure_domain": b"room\n1"},
    {"failure_domain": b"\xff"},
    {"protocol": b"one"},
    {"protocol": b"1" * 5_000},
    {"protocol": None},
]


@pytest.mark.parametrize("changed", HOSTILE_ARGUMENTS, ids=repr)
def test_a_hello_with_hostile_arguments_is_refused_and_may_be_said_again_properly(changed):
    link = Link()
    assert said_to_region(link, Hello, **hello_arguments(**changed)).code() == b"BAD_ARGUMENTS"
    assert link.desk.told == []
    assert not link.wire.is_gone
    said_to_region(link, Hello, **hello_arguments()).value()
    assert link.desk.told == [("admit", RACK)]


@pytest.mark.parametrize("rack", [RACK, None], ids=["certificate", "none"])
def test_a_stranger_that_sends_a_box_of_over_16_kib_is_cut_and_not_answered(rack):
    link = Link()
    link.desk.door.who = lambda _transport: Peer(rack=rack)
    said_to_region(link, Hello, **hello_arguments(hostname=b"h" * MOST_BYTES_OF_STRANGER))
    assert MOST_BYTES_OF_STRANGER == 16 * 1024
    assert link.wire.is_gone
    assert link.wire.from_server == b""
    assert link.desk.told == []


def test_a_rack_that_said_hello_may_send_boxes_of_a_mib_and_no_larger():
    link = Link().introduce()
    assert said_to_region(link, Ping, color=b"r" * 65_000).value()
    many = {f"c{number}": b"r" * 65_000 for number in range(1 + MOST_BYTES_OF_RACK // 65_000)}
    said_to_region(link, Ping, **many)
    assert MOST_BYTES_OF_RACK == 1024 * 1024
    assert link.wire.is_gone


@pytest.mark.parametrize("domain", ["", "room 1", "ü" * 64], ids=["none", "one", "longest"])
def test_a_rack_tells_what_it_fails_together_with(domain):
    assert Link(rack={"failure_domain": domain}).introduce().region.failure_domain == domain


def test_a_rack_that_tells_nothing_of_it_as_those_of_before_fails_alone():
    link = Link()
    said_to_region(link, Hello, **hello_arguments()).value()
    assert link.region.failure_domain == ""


def test_arguments_that_nobody_asked_for_are_ignored():
    said_to_region(Link(), Hello, **hello_arguments(), color=b"red").value()


@pytest.mark.parametrize("rack", [RACK, None], ids=["certificate", "none"])
def test_who_says_nothing_that_counts_within_5_seconds_is_let_go(rack):
    link = Link(rack={"silence_seconds": 60.0})
    link.desk.door.who = lambda _transport: Peer(rack=rack)
    for _ in range(4):  # it keeps sending: bytes that are no whole command yet
        link.world.advance(1.2)
        link.wire.client_end.write(b"\x00\x01a\x00\x01b")
        link.world.settle()
    assert not link.wire.is_gone
    link.world.advance(0.3)
    assert link.wire.is_gone
    assert link.desk.told == link.desk.door.told == []


def test_who_connects_and_says_nothing_at_all_is_cut_after_3_seconds():
    link = Link()
    link.world.advance(2.9)
    assert not link.wire.is_gone
    link.world.advance(0.2)
    assert link.wire.is_gone


def test_a_hello_that_the_region_takes_long_over_is_no_missing_hello():
    # An identity that is in use is waited for, and a slow database too: longer than 5 s.
    link = Link()
    link.desk.slow = Deferred()
    greeting = link.ask(link.rack.greet())
    link.world.advance(8.0)
    assert not link.wire.is_gone
    assert not greeting.is_there
    link.desk.slow.callback(None)
    link.world.settle()
    assert greeting.value() == "region1/1"


@pytest.mark.parametrize("end", ["region", "rack"])
def test_what_was_wrong_with_tls_is_said_where_the_link_ends(end, logged):
    # TLS itself is tested in tests/trust; here its word reaches who asks.
    why = "the certificate has expired"
    link = Link(rack={"why_ended": lambda transport, failure: why if end == "rack" else None})
    link.desk.door.why_ended = lambda transport, failure: why if end == "region" else None
    greeting = Outcome(Deferred.fromCoroutine(link.rack.greet()))
    link.wire.client_end.connection_lost(RegionUnreachable("no more"))
    link.wire.server_end.connection_lost(RegionUnreachable("no more"))
    link.world.settle()
    if end == "rack":
        assert isinstance(greeting.error(), NotTrusted)
        assert str(greeting.error()) == why
        assert refusals_in(logged) == []
    else:
        assert not isinstance(greeting.error(), NotTrusted)
        (line,) = refusals_in(logged)
        assert line.endswith(why)


def test_m8_a_clone_is_told_why_and_cut_and_the_region_remembers_where_it_was():
    link = Link()
    link.desk.refuses = RackIdentityInUse("rack rack0001 is connected from 10.0.0.9")
    problem = link.ask(link.rack.greet()).error()
    assert isinstance(problem, RackIdentityInUse)
    assert "10.0.0.9" in str(problem)
    assert ("cloned", RACK, str(problem)) in link.desk.told
    link.world.advance(0.2)
    assert link.wire.is_gone
    assert ("gone", RACK) in link.desk.told


def test_m8_a_clone_is_told_and_cut_even_when_its_place_cannot_be_recorded():
    async def unreachable(*_):
        raise DatabaseUnreachable("no answer")

    link = Link(reception={"cloned": unreachable})
    link.desk.refuses = RackIdentityInUse("rack rack0001 is connected from 10.0.0.9")
    assert isinstance(link.ask(link.rack.greet()).error(), RackIdentityInUse)
    link.world.advance(0.2)
    assert link.wire.is_gone


def test_m8_a_clone_that_comes_again_and_again_is_logged_once(logged):
    world = World()
    desk = Desk(world=world)
    refusals = Refusals()
    for port in range(40_000, 40_005):
        link = Link(desk=desk, reception={"refusals": refusals})
        desk.refuses = RackIdentityInUse(f"rack0001 is connected; 10.0.0.1:{port} says so too")
        link.ask(link.rack.greet()).error()
        world.advance(0.2)
    assert len(refusals_in(logged)) == 1


def test_a_link_that_ends_while_its_hello_waits_leaves_nothing_behind():
    link = Link()
    link.desk.slow = Deferred()
    greeting = link.ask(link.rack.greet())
    link.rack.abort()
    link.world.settle()
    link.desk.slow.errback(RackIdentityInUse("the link ended before it was recorded"))
    link.world.settle()
    assert not isinstance(greeting.error(), amp.RemoteAmpError)
    assert link.desk.told == [("admit", RACK), ("gone", RACK)]
    assert link.world.clock.getDelayedCalls() == []


@given(rack_plans)
def test_a_region_that_commands_before_it_answered_the_hello_is_cut_and_not_obeyed(plan):
    for stage in ("connected", "hello said"):
        link = Link()
        link.desk.slow = Deferred()
        if stage == "hello said":
            link.ask(link.rack.greet())
        sent = link.wire.from_client
        link.ask(link.region.callRemote(ApplyPlan, plan=plan))
        assert link.wire.is_gone
        assert link.wire.from_client == sent
        assert link.memory.newest.plan is None


@given(ANY_JSON)
def test_a_plan_of_any_json_is_refused_and_the_link_stays(form):
    link = Link().introduce()
    text = json.dumps(form).encode()
    outcome = link.ask(
        link.region.callRemoteString(ApplyPlan.commandName, **{"plan": b"1", "plan.0": text})
    )
    assert outcome.code() == b"BAD_ARGUMENTS"
    assert link.memory.newest.plan is None
    assert not link.wire.is_gone


@pytest.mark.parametrize("stage", ["connected", "introduced"])
def test_an_ended_link_leaves_no_call_behind_at_any_stage(stage):
    link = Link()
    if stage == "introduced":
        link.introduce()
    link.rack.close()
    link.world.settle()
    assert link.wire.is_gone
    assert link.world.clock.getDelayedCalls() == []
    assert link.memory.lost == [link.rack]
