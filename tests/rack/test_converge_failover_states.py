"""A DHCP server that starts while its peer is away is put back into its state (dhcp.md, rule 6)."""

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import Peer
from evenrack.rack.converge import LOOK_SECONDS
from evenrack.rack.failover_states import TRY_SECONDS
from tests.dhcp_fleet import rack_id
from tests.rack.converging import FIRST, SECOND, RackHost, plan_of, refused


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin()


def with_peer(plan, number):
    return tuple(evolve(it, peer=Peer(rack=rack_id(number), address=it.address)) for it in plan)


@pytest.mark.parametrize("state", ["communications-interrupted", "partner-down"])
def test_rule_6_a_server_restarted_while_its_peer_is_away_gets_its_state_back(host, state):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = state
    host.advance(LOOK_SECONDS)
    host.serving(SECOND)
    assert host.server.put_back_into == [(1, state)]
    assert host.states == {1: state, 2: "normal"}
    assert host.server.followed[-1] == (SECOND, [(1, state)]), "IPv6 comes after that"


@pytest.mark.parametrize("seconds_to_start", [0.0, 3.0])
def test_rule_6_a_server_that_died_while_its_peer_is_away_gets_its_state_back(
    host, seconds_to_start
):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.server.starts = not seconds_to_start
    host.server.kill()
    host.advance(seconds_to_start)
    host.server.starts = True
    host.advance(LOOK_SECONDS)
    assert host.server.put_back_into == [(1, "partner-down")]


def test_a_server_whose_state_is_not_known_when_it_dies_finds_it_itself(host):
    """It knows it from its leases, 15 s later; meanwhile it may have become another one."""
    host.serving(FIRST)
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.server.silent = True
    host.advance(LOOK_SECONDS)
    host.server.silent = False
    host.server.kill()
    host.advance(LOOK_SECONDS)
    assert host.server.running()
    assert host.server.put_back_into == []


def test_a_server_goes_on_without_its_peer_also_when_another_rack_takes_the_peers_place(host):
    host.serving(FIRST)
    host.server.away = {1, 2}
    apart = {1: "communications-interrupted", 2: "partner-down"}
    host.server.states_now = dict(apart)
    host.advance(LOOK_SECONDS)
    host.serving(with_peer(FIRST, 3))
    assert host.server.put_back_into == list(apart.items())


def test_a_server_that_is_normal_or_has_no_peer_is_not_put_back(host):
    host.serving((*FIRST[:1], *plan_of({2: (1,)})))
    host.serving((*SECOND[:1], *plan_of({2: (1,)})))
    assert host.server.put_back_into == []


def test_a_server_that_cannot_be_put_back_serves_nevertheless(host, logged):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.follow(SECOND)
    host.server.silent = True
    turn = host.turn(SECOND)
    host.advance(TRY_SECONDS)
    turn.value()
    assert host.server.runs == SECOND
    assert any("vlan1 could not be put back into partner-down" in line for line in logged())


def test_rule_6_a_server_that_does_not_answer_at_once_is_put_back_when_it_does(host):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.follow(SECOND)
    host.server.silent = True
    turn = host.turn(SECOND)
    host.advance(2.0)
    assert not turn.is_there
    host.server.silent = False
    host.advance(0.5)
    turn.value()
    assert host.server.put_back_into == [(1, "partner-down")]


def test_rule_6_a_peer_that_was_lost_a_moment_before_the_restart_counts(host):
    """The last look is up to a second old: it is asked once more before it is stopped."""
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.away = {1}
    host.server.states_now[1] = "communications-interrupted"
    host.turn(SECOND).value()
    assert host.server.put_back_into == [(1, "communications-interrupted")]


@pytest.mark.parametrize(("seconds", "put_back"), [(50.0, True), (70.0, False)])
def test_rule_6_a_server_that_was_down_for_long_finds_its_state_itself(host, seconds, put_back):
    """Its peer may have taken over meanwhile: in startup it hears of that before it serves (B5)."""
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "communications-interrupted"
    host.advance(LOOK_SECONDS)
    host.server.starts = False
    host.server.kill()
    host.advance(seconds)
    host.server.starts = True
    host.advance(2 * LOOK_SECONDS)
    assert host.server.running()
    assert bool(host.server.put_back_into) is put_back


def test_a_server_in_another_role_than_before_is_not_put_back(host):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "communications-interrupted"
    host.advance(LOOK_SECONDS)
    host.serving((evolve(FIRST[0], role="secondary"), FIRST[1]))
    assert host.server.put_back_into == []


def test_a_server_that_says_nothing_runs_in_an_unknown_state(host):
    host.serving(FIRST)
    host.server.silent = True
    host.advance(LOOK_SECONDS)
    assert host.report.running
    assert host.states == {1: "unknown", 2: "unknown"}


def test_a_peer_that_is_still_heard_is_not_replaced(host):
    host.serving(FIRST)
    third = with_peer(FIRST, 3)
    host.follow(third)
    assert "still hears" in refused(host.turn(third))
    assert host.server.runs == FIRST
    host.server.states_now = dict.fromkeys((1, 2), "communications-interrupted")
    host.turn(third).value()
    assert host.server.runs == third
