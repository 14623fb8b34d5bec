"""A rack finds all region processes from any one, and keeps one link to each."""

import itertools

import pytest
from twisted.internet.defer import Deferred

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import parse_host_port
from evenrack.model.identifiers import ProcessId
from evenrack.rack.region_connections import (
    TELL_OTHERS_SECONDS,
    Dialling,
    RegionConnections,
)
from tests.rack.network import Network
from tests.wire.both_ends import RACK, Desk, Memory, Outcome

A, B, C = "region1/1", "region1/2", "region2/1"
HOME = {A: ["10.0.1.1:5251"], B: ["10.0.1.1:5252"], C: ["10.0.2.1:5251"]}


class RackHost:
    """The connections of one rack in a network of three region processes."""

    def __init__(self, configured=(HOME[A][0],), known=None, processes=(A, B, C)):
        self.network = Network()
        self.world = self.network.world
        for process in processes:
            self.network.region(process, *HOME[process])
        self.network.tell({process: HOME[process] for process in processes})
        self.memory = Memory(world=self.world)
        self.kept = []
        self.connections = RegionConnections(
            Dialling(
                configured=[parse_host_port(text) for text in configured],
                endpoint_for=self.network.endpoint_for,
                jitter=lambda: 1.0,
            ),
            {ProcessId(p): tuple(map(parse_host_port, HOME[p])) for p in known or ()},
            self.kept.append,
        )
        self.connections.begin_as(
            self.memory.rack_self(
                known_regions=self.connections.known_regions,
                learn_regions=self.connections.learn_regions,
            )
        )

    def start(self, seconds=3.0):
        self.connections.startService()
        self.world.advance(seconds)
        return self

    def stop(self):
        outcome = Outcome(self.connections.stopService())
        self.world.advance(1 / 16)
        return outcome

    def reached(self):
        return [session.process for session in self.connections.sessions()]

    def lists_asked_for(self):
        return sum(wire.from_client.count(b"ListEndpoints") for wire in self.world.wires)

    def lose_link(self, process):
        """End the link to a process that goes on running."""
        self.network.desks[process].links[0].abort()
        self.world.settle()

    def told(self, process, what):
        return [entry[1:] for entry in self.network.desks[process].told if entry[0] == what]


EVERYWHERE = {A: 1, B: 1, C: 1}


@pytest.mark.parametrize("first", [A, B, C])
def test_p21_from_any_one_process_all_are_found_and_one_link_is_kept_to_each(first):
    rack = RackHost(configured=[HOME[first][0]]).start()
    assert rack.network.links() == EVERYWHERE
    rack.world.advance(60.0)
    assert rack.network.links() == EVERYWHERE
    assert len(rack.network.dialled) == 3
    assert rack.lists_asked_for() == 1


def test_the_list_is_kept_for_the_next_start_once():
    rack = RackHost().start(30.0)
    assert [sorted(known) for known in rack.kept] == [[A, B, C]]


def test_p22_with_the_configured_region_dead_a_restarted_rack_finds_all_others():
    rack = RackHost(configured=[HOME[A][0]], known=[A, B, C])
    rack.network.kill(A)
    rack.start()
    assert rack.network.links() == {A: 0, B: 1, C: 1}


def test_p23_of_several_configured_endpoints_one_that_answers_is_enough():
    rack = RackHost(configured=["10.9.9.9:5251", HOME[C][0], "10.9.9.9:5252"]).start()
    assert rack.network.links() == EVERYWHERE


def test_p22_a_process_that_comes_back_is_connected_again():
    rack = RackHost().start()
    rack.network.kill(B)
    rack.world.advance(10.0)
    assert rack.network.links() == {A: 1, B: 0, C: 1}
    rack.network.region(B, *HOME[B])
    rack.network.tell(HOME)
    rack.world.advance(6.0)
    assert rack.network.links() == EVERYWHERE


def test_a_process_that_is_new_in_the_list_is_connected_within_a_second():
    rack = RackHost(processes=(A, B)).start()
    rack.network.region(C, *HOME[C])
    rack.network.tell(HOME)
    rack.world.advance(1.5)
    assert rack.network.links() == EVERYWHERE


def test_the_loss_of_a_link_is_told_to_one_other_at_once():
    rack = RackHost().start()
    lost = rack.network.desks[B].links[0].link
    rack.network.kill(B)
    rack.world.settle()
    assert [*rack.told(A, "lost"), *rack.told(C, "lost")] == [(RACK, lost)]
    rack.world.advance(1.0)
    assert [*rack.told(A, "lost"), *rack.told(C, "lost")] == [(RACK, lost)]


def test_the_loss_of_a_link_is_told_to_all_when_the_first_does_not_take_it_soon(monkeypatch):
    """It may be dead or hung itself."""

    async def hang(desk, rack, link):
        desk.told.append(("lost", rack, link))
        await Deferred()

    monkeypatch.setattr(Desk, "lost", hang)
    rack = RackHost().start()
    lost = rack.network.desks[B].links[0].link
    rack.network.kill(B)
    rack.world.settle()
    assert [*rack.told(A, "lost"), *rack.told(C, "lost")] == [(RACK, lost)]
    rack.world.advance(2 * TELL_OTHERS_SECONDS)
    assert rack.told(A, "lost") == rack.told(C, "lost") == [(RACK, lost)]


def test_the_loss_of_a_link_is_told_to_all_when_the_first_is_lost_as_well():
    rack = RackHost().start()
    lost = {process: rack.network.desks[process].links[0].link for process in (A, B)}
    rack.network.desks[A].links[0].abort()
    rack.network.desks[B].links[0].abort()
    rack.world.settle()
    assert {link for _, link in rack.told(C, "lost")} == set(lost.values())


def test_a_lost_link_is_told_when_there_is_nobody_to_tell_at_first():
    rack = RackHost(processes=(A,)).start()
    lost = rack.network.desks[A].links[0].link
    rack.network.kill(A)
    rack.world.advance(2.0)
    rack.network.region(A, *HOME[A])
    rack.network.tell({A: HOME[A]})
    rack.world.advance(6.0)
    assert rack.told(A, "lost") == [(RACK, lost)]


@pytest.mark.parametrize("known", [[], [A], [A, B, C]], ids=["none", "one", "all"])
@pytest.mark.parametrize("alias_port", [5251, 5252])
def test_a_configured_alias_never_makes_a_second_link(known, alias_port):
    alias = f"region1.example.com:{alias_port}"
    rack = RackHost(configured=[alias], known=known)
    process = A if alias_port == 5251 else B
    rack.network.behind[parse_host_port(alias)] = rack.network.behind[
        parse_host_port(HOME[process][0])
    ]
    rack.start(10.0)
    assert rack.network.links() == EVERYWHERE
    assert sorted(rack.reached()) == [A, B, C]
    before = len(rack.network.dialled)
    rack.world.advance(60.0)
    assert len(rack.network.dialled) == before


def test_an_alias_that_answers_only_after_its_process_was_reached_makes_no_second_link():
    alias = "region1.example.com:5251"
    rack = RackHost(configured=[alias], known=[A, B, C]).start()
    assert rack.network.links() == EVERYWHERE
    rack.network.behind[parse_host_port(alias)] = rack.network.behind[parse_host_port(HOME[A][0])]
    rack.world.advance(10.0)
    assert rack.network.links() == EVERYWHERE
    before = len(rack.network.dialled)
    rack.world.advance(60.0)
    assert len(rack.network.dialled) == before


def test_p22_an_alias_is_dialled_again_when_its_process_is_lost_and_moved():
    alias = "region1.example.com:5251"
    rack = RackHost(configured=[alias], processes=(A,))
    rack.network.behind[parse_host_port(alias)] = rack.network.behind[parse_host_port(HOME[A][0])]
    rack.start()
    rack.network.kill(A)
    rack.network.region(A, alias)  # the host has a new address, its name is the same
    rack.world.advance(10.0)
    assert rack.network.links() == {A: 1}


def test_an_empty_list_says_only_that_the_region_knows_nothing():
    rack = RackHost().start()
    rack.network.tell({})
    rack.world.advance(10.0)
    assert rack.network.links() == EVERYWHERE
    assert len(rack.network.dialled) == 3
    assert {} not in rack.kept
    rack.lose_link(C)
    rack.world.advance(3.0)
    assert rack.network.links() == EVERYWHERE


def test_two_regions_that_tell_different_lists_do_not_make_links_flap():
    # One is cut off from the database and tells what it knew last, without the newest process.
    rack = RackHost()
    rack.network.tell({A: HOME[A], B: HOME[B]}, B)
    listening = rack.network.behind.pop(parse_host_port(HOME[B][0]))
    rack.start()
    rack.network.behind[parse_host_port(HOME[B][0])] = listening  # it is the last to tell
    rack.world.advance(6.0)
    assert rack.network.links() == EVERYWHERE
    asked, kept = rack.lists_asked_for(), len(rack.kept)
    dialled = len(rack.network.dialled)
    rack.world.advance(30.0)
    assert rack.network.links() == EVERYWHERE
    assert len(rack.network.dialled) == dialled
    assert (rack.lists_asked_for(), len(rack.kept)) == (asked, kept)
    rack.lose_link(C)
    rack.world.advance(3.0)
    assert rack.network.links() == EVERYWHERE


def test_a_process_that_only_one_region_names_is_dialled_until_it_answers():
    rack = RackHost(processes=(A, B))
    rack.network.tell(HOME, A)
    listening = rack.network.behind.pop(parse_host_port(HOME[B][0]))
    rack.start()
    rack.network.behind[parse_host_port(HOME[B][0])] = listening  # it is the last to tell
    rack.world.advance(6.0)
    rack.network.region(C, *HOME[C])
    rack.world.advance(6.0)
    assert rack.network.links() == EVERYWHERE


def test_a_process_that_leaves_the_list_while_its_link_is_up_keeps_the_link():
    rack = RackHost().start()
    rack.network.tell({A: HOME[A], B: HOME[B]})
    rack.world.advance(5.0)
    assert rack.network.links() == EVERYWHERE
    assert len(rack.network.dialled) == 3


def test_a_process_that_left_the_list_is_dialled_no_more_once_its_link_is_gone():
    rack = RackHost().start()
    rack.network.tell({A: HOME[A], B: HOME[B]})
    rack.world.advance(2.0)
    rack.network.kill(C)
    rack.world.advance(2.0)
    before = len(rack.network.dialled)
    rack.world.advance(30.0)
    assert rack.network.dialled[before:] == []


def test_a_stopped_rack_says_goodbye_to_each_and_closes_all_links_and_leaves_no_call_behind():
    rack = RackHost().start()
    assert rack.stop().is_there
    goodbyes = [rack.told(process, "goodbye") for process in HOME]
    assert sorted(map(len, goodbyes)) == [1, 1, 1]
    assert rack.network.links() == {A: 0, B: 0, C: 0}
    assert rack.world.clock.getDelayedCalls() == []
    rack.world.advance(30.0)
    assert len(rack.network.dialled) == 3


def test_a_stop_waits_no_longer_than_a_second_for_a_goodbye_that_nobody_takes():
    rack = RackHost().start()
    for wire in rack.world.wires:
        wire.cut()
    outcome = Outcome(rack.connections.stopService())
    rack.world.advance(1.1)
    assert outcome.is_there
    assert all(wire.client_end.disconnected for wire in rack.world.wires)
    rack.world.advance(3.0)  # the regions find out by the silence
    assert rack.world.clock.getDelayedCalls() == []


def test_a_goodbye_that_waits_for_the_database_does_not_hold_up_the_stop():
    rack = RackHost()

    async def wait_for_ever(_rack, _run):
        await Deferred()

    rack.network.region(A, *HOME[A], goodbye=wait_for_ever)
    rack.network.tell(HOME)
    rack.start()
    outcome = Outcome(rack.connections.stopService())
    rack.world.advance(1.1)
    assert outcome.is_there


def test_a_hello_that_nobody_answers_is_given_up_after_10_seconds_and_begun_again():
    rack = RackHost(processes=(A,))
    desk = rack.network.desks[A]
    desk.slow = Deferred()
    rack.start(9.0)
    assert len(rack.network.dialled) == 1
    rack.world.advance(2.0)
    assert len(rack.network.dialled) == 2
    desk.slow.callback(None)
    desk.slow = None
    rack.world.advance(2.0)
    assert rack.network.links() == {A: 1}


def test_a_trouble_that_lasts_is_logged_once_and_again_when_it_returns(logged):
    RackHost(configured=["10.9.9.9:5251"], processes=(A,)).start(60.0)
    assert len([line for line in logged() if "no link" in line]) == 1


def test_two_troubles_that_come_in_turn_are_each_logged_once(logged):
    """As when a refusal and the end of its connection overtake each other, now and then."""
    rack = RackHost()
    for problem in 3 * [ConnectionError("it ended"), ConnectionError("it was refused")]:
        rack.connections._tell_once("10.9.9.9:5251", problem)
    told = [line for line in logged() if "no link" in line]
    assert len(told) == 2
    for number in range(1000):
        rack.connections._tell_once("10.9.9.9:5251", ConnectionError(str(number)))
    assert max(map(len, rack.connections._told_problems.values())) <= 20, "and little is kept"


def test_every_link_has_its_own_hello_with_the_plan_that_is_followed_then():
    holds = itertools.count(1)
    rack = RackHost()
    rack.connections.begin_as(
        rack.memory.rack_self(
            holds=lambda: (FleetNumber(1, next(holds)), "f"),
            known_regions=rack.connections.known_regions,
            learn_regions=rack.connections.learn_regions,
        )
    )
    rack.start()
    numbers = [desk.links[0].holds for desk in rack.network.desks.values()]
    assert len(set(numbers)) == 3
