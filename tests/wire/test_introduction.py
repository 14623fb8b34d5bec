"""How a link begins: proof, proof, hello; everything else is refused, most of it with a cut."""

import json

import pytest
from hypothesis import given
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.errors import DatabaseUnreachable, NotAuthenticated, RackIdentityInUse, VersionRefused
from evenrack.model.fleet_number import FleetNumber
from evenrack.region.refusals import Refusals
from evenrack.wire import handshake
from evenrack.wire.rack_commands import ApplyPlan
from evenrack.wire.region_commands import Challenge, Goodbye, Hello, ListEndpoints, Ping, Prove
from tests.strategies import rack_plans
from tests.wire.both_ends import OTHER_SECRET, RACK, Desk, Link, Outcome, World, hello_arguments
from tests.wire.test_arguments import ANY_JSON

NONCE = b"n" * 32
BEFORE_PROOF = [Hello, Ping, ListEndpoints, Goodbye]


def raw(link, command, **arguments):
    return link.ask(link.rack.callRemoteString(command.commandName, **arguments))


def test_p26_both_ends_with_the_secret_get_to_know_each_other():
    link = Link().introduce()
    assert link.rack.process == "region1/1"
    assert link.rack.link == link.region.link
    assert (link.region.rack, link.region.run, link.region.hostname) == (RACK, "run1", "rack1")
    assert link.desk.told == [("admit", RACK)]


def test_the_hello_says_which_plan_the_rack_follows():
    link = Link(rack={"holds": lambda: (FleetNumber(2, 9), "abc")}).introduce()
    assert (link.region.holds, link.region.holds_fingerprint) == (FleetNumber(2, 9), "abc")


def test_the_secret_never_crosses_the_wire():
    link = Link().introduce()
    said = link.wire.from_server + link.wire.from_client
    assert b"secret" not in said
    assert len(said) > 200


def test_a_region_that_does_not_know_the_secret_gets_no_proof_and_no_hello():
    link = Link(reception={"secret": OTHER_SECRET})
    problem = link.ask(link.rack.authenticate()).error()
    assert isinstance(problem, NotAuthenticated)
    assert "secret_file" in str(problem)
    assert Prove.commandName not in link.wire.from_client
    assert link.desk.told == []


def test_a_rack_that_does_not_know_the_secret_is_told_so_and_the_link_is_closed():
    link = Link()
    link.rack._rack = link.memory.rack_self(secret=OTHER_SECRET)

    async def prove_wrongly():
        answer = await link.rack.callRemote(Challenge, nonce=NONCE)
        wrong = handshake.proof(OTHER_SECRET.reveal(), "rack", NONCE, answer["nonce"])
        await link.rack.callRemote(Prove, proof=wrong)

    assert isinstance(link.ask(prove_wrongly()).error(), NotAuthenticated)
    assert link.wire.is_gone
    assert link.desk.told == []


@pytest.mark.parametrize("command", BEFORE_PROOF, ids=lambda command: command.__name__)
def test_a_command_before_the_proof_cuts_the_link_without_an_answer(command):
    link = Link()
    outcome = raw(link, command, **(hello_arguments() if command is Hello else {}))
    assert link.wire.is_gone
    assert link.wire.from_server == b""
    assert not isinstance(outcome.error(), amp.RemoteAmpError)
    assert link.desk.told == []


def test_an_unknown_command_before_the_proof_cuts_the_link_without_an_answer():
    link = Link()
    link.ask(link.rack.callRemoteString(b"Nonsense"))
    assert link.wire.is_gone
    assert link.wire.from_server == b""


@pytest.mark.parametrize("command", [Ping, ListEndpoints, Goodbye], ids=lambda c: c.__name__)
def test_a_command_between_proof_and_hello_cuts_the_link(command):
    link = Link().authenticate()
    raw(link, command)
    assert link.wire.is_gone
    assert link.desk.told == []


def test_all_commands_in_one_packet_are_cut_at_the_first_that_is_out_of_turn():
    link = Link()
    link.rack.callRemoteString(Goodbye.commandName).addErrback(lambda _: None)
    link.rack.callRemote(Challenge, nonce=NONCE).addErrback(lambda _: None)
    link.world.settle()
    assert link.wire.from_server == b""
    assert link.wire.is_gone


def test_a_proof_without_a_challenge_is_refused():
    link = Link()
    outcome = link.ask(link.rack.callRemote(Prove, proof=b"p" * 32))
    assert isinstance(outcome.error(), NotAuthenticated)
    assert link.wire.is_gone


def test_a_proof_is_good_for_one_challenge_only():
    link = Link()
    nonce = link.ask(link.rack.callRemote(Challenge, nonce=NONCE)).value()["nonce"]
    old = handshake.proof(link.desk.reception().secret.reveal(), "rack", NONCE, nonce)
    link.ask(link.rack.callRemote(Challenge, nonce=NONCE)).value()
    replayed = link.ask(link.rack.callRemote(Prove, proof=old))
    assert isinstance(replayed.error(), NotAuthenticated)
    assert link.wire.is_gone


def test_a_second_try_for_the_same_challenge_is_refused_even_when_it_is_right():
    link = Link()
    nonce = link.ask(link.rack.callRemote(Challenge, nonce=NONCE)).value()["nonce"]
    right = handshake.proof(link.desk.reception().secret.reveal(), "rack", NONCE, nonce)
    first = Outcome(link.rack.callRemote(Prove, proof=b"p" * 32))
    second = link.ask(link.rack.callRemote(Prove, proof=right))  # in the same packet
    assert isinstance(first.error(), NotAuthenticated)
    assert isinstance(second.error(), NotAuthenticated)
    assert link.wire.is_gone


def test_a_proof_overheard_on_another_link_is_worth_nothing():
    overheard = Link().introduce()
    proof = overheard.wire.from_client.partition(b"proof\x00\x20")[2][:32]
    assert len(proof) == 32
    link = Link(reception={"token_bytes": lambda length: b"z" * length})
    link.ask(link.rack.callRemote(Challenge, nonce=NONCE)).value()
    assert isinstance(link.ask(link.rack.callRemote(Prove, proof=proof)).error(), NotAuthenticated)


@pytest.mark.parametrize("command", [Challenge, Prove])
def test_the_door_is_closed_behind_who_is_in(command):
    link = Link().introduce()
    arguments = {"nonce": NONCE} if command is Challenge else {"proof": b"p" * 32}
    raw(link, command, **arguments)
    assert link.wire.is_gone


@pytest.mark.parametrize("command", [Challenge, Prove])
def test_who_has_proved_itself_cannot_begin_again(command):
    link = Link().authenticate()
    arguments = {"nonce": NONCE} if command is Challenge else {"proof": b"p" * 32}
    raw(link, command, **arguments)
    assert link.wire.is_gone


@pytest.mark.parametrize("length", [0, 31, 33, 1_000])
def test_a_rack_nonce_of_another_length_is_refused(length):
    link = Link()
    outcome = link.ask(link.rack.callRemote(Challenge, nonce=b"n" * length))
    assert isinstance(outcome.error(), NotAuthenticated)


@pytest.mark.parametrize("length", [0, 31, 33, 1_000])
def test_a_region_nonce_of_another_length_proves_nothing(length):
    link = Link()
    link.wire.server_end.bufferReceived = lambda data: None  # the region's words are ours
    outcome = link.ask(link.rack.authenticate())
    answer = amp.Box(_answer=b"1", nonce=b"r" * length, proof=b"p" * 32)
    link.wire.server_end.write(answer.serialize())
    link.world.settle()
    assert isinstance(outcome.error(), NotAuthenticated)


def test_a_second_hello_cuts_the_link_and_the_rack_counts_once():
    link = Link().introduce()
    raw(link, Hello, **hello_arguments(rack=b"rack0002"))
    assert link.wire.is_gone
    assert link.desk.told == [("admit", RACK), ("gone", RACK)]


@pytest.mark.parametrize("protocol", [0, 2, -1, 99])
def test_another_version_of_the_conversation_is_refused_with_what_to_do(protocol):
    link = Link().authenticate()
    arguments = hello_arguments(protocol=b"%d" % protocol)
    arguments = Hello.parseArguments(
        amp.Box({name.encode(): value for name, value in arguments.items()}), None
    )
    problem = link.ask(link.rack.callRemote(Hello, **arguments)).error()
    assert isinstance(problem, VersionRefused)
    assert "upgrade regions first" in str(problem)
    assert link.desk.told == []


def test_a_rack_of_a_refused_version_is_let_go_once_it_was_told():
    link = Link().authenticate()
    raw(link, Hello, **hello_arguments(protocol=b"99"))
    assert link.wire.is_gone


HOSTILE_ARGUMENTS = [
    {"rack": b""},
    {"rack": b"rack001"},
    {"rack": b"RACK0001"},
    {"rack": b"rack0001\n"},
    {"rack": b"../../aa"},
    {"rack": b"'; drop"},
    {"rack": b"\xff" * 8},
    {"rack": None},
    {"run": b"r" * 65},
    {"run": b"\x00"},
    {"run": "ü".encode()},
    {"hostname": b""},
    {"hostname": b"h" * 254},
    {"hostname": b"h" * 65_535},
    {"hostname": b"a\nb"},
    {"hostname": b"\x1b[31mred"},
    {"hostname": "\u202egnp.exe".encode()},
    {"hostname": b"\xed\xa0\x80"},
    {"generation": b""},
    {"generation": b"1"},
    {"generation": b"-1.0"},
    {"generation": b"1." + b"9" * 16},
    {"generation": b"9" * 5_000 + b".1"},
    {"fingerprint": b"f" * 65},
    {"protocol": b"one"},
    {"protocol": b"1" * 5_000},
    {"protocol": None},
]


@pytest.mark.parametrize("changed", HOSTILE_ARGUMENTS, ids=repr)
def test_a_hello_with_hostile_arguments_is_refused_and_may_be_said_again_properly(changed):
    link = Link().authenticate()
    assert raw(link, Hello, **hello_arguments(**changed)).code() == b"BAD_ARGUMENTS"
    assert link.desk.told == []
    assert not link.wire.is_gone
    raw(link, Hello, **hello_arguments()).value()
    assert link.desk.told == [("admit", RACK)]


def test_arguments_that_nobody_asked_for_are_ignored():
    link = Link().authenticate()
    raw(link, Hello, **hello_arguments(), color=b"red").value()


def test_who_says_no_hello_within_5_seconds_is_let_go():
    link = Link()
    for _ in range(4):  # it keeps talking: challenges are answered at any time
        link.world.advance(1.2)
        link.ask(link.rack.callRemote(Challenge, nonce=NONCE)).value()
    assert not link.wire.is_gone
    link.world.advance(0.3)
    assert link.wire.is_gone
    assert link.desk.told == []


def test_who_connects_and_says_nothing_at_all_is_cut_after_3_seconds():
    link = Link()
    link.world.advance(2.9)
    assert not link.wire.is_gone
    link.world.advance(0.2)
    assert link.wire.is_gone


def test_a_hello_that_the_region_takes_long_over_is_no_missing_hello():
    # An identity that is in use is waited for, and a slow database too: longer than 5 s.
    link = Link().authenticate()
    link.desk.slow = Deferred()
    greeting = link.ask(link.rack.greet())
    link.world.advance(8.0)
    assert not link.wire.is_gone
    assert not greeting.is_there
    link.desk.slow.callback(None)
    link.world.settle()
    assert greeting.value() == "region1/1"


def test_m8_a_clone_is_told_why_and_cut_and_the_region_remembers_where_it_was():
    link = Link().authenticate()
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

    link = Link(reception={"cloned": unreachable}).authenticate()
    link.desk.refuses = RackIdentityInUse("rack rack0001 is connected from 10.0.0.9")
    assert isinstance(link.ask(link.rack.greet()).error(), RackIdentityInUse)
    link.world.advance(0.2)
    assert link.wire.is_gone


def test_m8_a_clone_that_comes_again_and_again_is_logged_once(logged):
    world = World()
    desk = Desk(world=world)
    refusals = Refusals()
    for port in range(40_000, 40_005):
        link = Link(desk=desk, reception={"refusals": refusals}).authenticate()
        desk.refuses = RackIdentityInUse(f"rack0001 is connected; 10.0.0.1:{port} says so too")
        link.ask(link.rack.greet()).error()
        world.advance(0.2)
    assert len([line for line in logged() if line.startswith("refused 10.0.0.1:")]) == 1


def test_a_link_that_ends_while_its_hello_waits_leaves_nothing_behind():
    link = Link().authenticate()
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
def test_a_region_that_commands_before_its_proof_is_cut_and_its_plan_not_followed(plan):
    link = Link()
    link.ask(link.region.callRemote(ApplyPlan, plan=plan))
    assert link.wire.is_gone
    assert link.wire.from_client == b""
    assert link.memory.newest.plan is None


def test_a_region_that_proved_itself_but_not_the_rack_may_not_command_yet():
    # The rack's side of the proof is part of it: until then the link may be anyone's.
    link = Link()
    link.rack._rack = link.memory.rack_self(secret=OTHER_SECRET)
    link.ask(link.rack.authenticate())
    assert not link.rack._region_proved


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


def test_an_ended_link_leaves_no_call_behind_at_any_stage():
    for stage in ("connected", "authenticated", "introduced"):
        link = Link()
        if stage != "connected":
            link.authenticate()
        if stage == "introduced":
            link.ask(link.rack.greet()).value()
        link.rack.close()
        link.world.settle()
        assert link.wire.is_gone
        assert link.world.clock.getDelayedCalls() == [], stage
        assert link.memory.lost == [link.rack]
