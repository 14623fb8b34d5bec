"""A rack that is told that the other server of a pair is dead (M16)."""

import pytest
from twisted.internet.defer import Deferred

from evenrack.errors import PartnerDownRefused, RecoverWaitRefused
from evenrack.model.identifiers import VlanId
from tests.dhcp_fleet import rack_id
from tests.rack.converging import FIRST, SECOND, RackHost, plan_of
from tests.rack.test_converge_roles import SECONDARY, begin
from tests.wire.both_ends import Outcome

VLAN, DEAD = VlanId(1), rack_id(2)
APART = "communications-interrupted"


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin().serving(FIRST)


def told(host, vlan=VLAN, dead=DEAD):
    taking = host.converge.take_partner_down(vlan, dead)
    outcome = Outcome(Deferred.fromCoroutine(taking))
    host.advance(0)
    return outcome


def refusal(outcome):
    problem = outcome.error()
    assert isinstance(problem, PartnerDownRefused)
    return str(problem)


def test_m16_a_server_that_does_not_hear_its_partner_takes_over_and_tells_when(host):
    host.server.states_now[1] = APART
    assert told(host).value() == 3600
    assert host.server.put_back_into == [(1, "partner-down")]
    assert host.states[1] == "partner-down"
    assert told(host).value() == 3600, "sent again, since the answer got lost"
    assert host.server.put_back_into == [(1, "partner-down")]


@pytest.mark.parametrize("state", ["normal", "startup", "recover", "recover-wait", "unknown"])
def test_m16_a_server_in_any_other_state_is_left_alone(host, state):
    host.server.states_now[1] = state
    why = refusal(told(host))
    assert ("still hears" if state == "normal" else state) in why
    assert host.server.put_back_into == []


def test_m16_the_word_must_name_the_vlan_and_its_partner(host):
    host.server.states_now[1] = APART
    assert "does not serve VLAN 9" in refusal(told(host, vlan=VlanId(9)))
    assert "with rack0003" in refusal(told(host, dead=rack_id(3)))
    host.serving(plan_of({1: (1,)}, generation=9))
    assert "does not serve" in refusal(told(host))
    assert (1, "partner-down") not in host.server.put_back_into


def test_m16_a_server_that_says_nothing_or_does_not_obey_is_told_of(host):
    host.server.states_now[1] = APART
    host.server.silent = True
    assert refusal(told(host)) == "no answer"
    host.server.silent = False
    host.server.obeys = False
    assert "is in communications-interrupted" in refusal(told(host))


def test_m16_a_server_that_is_just_restarted_is_not_told(host):
    host.server.states_now[1] = APART
    host.server.seconds = 0.5
    host.follow(SECOND)
    host.advance(2.0)
    turn = host.turn(SECOND)
    assert "just restarted" in refusal(told(host))
    host.advance(5.0)
    turn.value()


def test_m16_a_server_that_exchanges_roles_is_not_told(tmp_path):
    host = RackHost(tmp_path).begin()
    begin(host, FIRST, SECONDARY)
    assert "just restarted" in refusal(told(host))


# One that need not wait for mclt (dhcp.md rule 7)


def waits_no_more(host, vlan=VLAN, peer=DEAD):
    outcome = Outcome(Deferred.fromCoroutine(host.converge.end_recover_wait(vlan, peer)))
    host.advance(0)
    return outcome


def test_rule_7_a_server_that_waits_for_mclt_serves_when_it_is_told_that_it_need_not(host):
    host.server.states_now[1] = "recover-wait"
    assert waits_no_more(host).value() is None
    assert host.server.put_back_into == [(1, "recover-done")]
    assert waits_no_more(host).value() is None, "sent again, since the answer got lost"
    host.server.states_now[1] = "normal"
    assert waits_no_more(host).value() is None
    assert host.server.put_back_into == [(1, "recover-done")]


def test_rule_7_one_whose_wait_was_ended_stays_normal_when_dhcpd_s_timer_for_it_ends(host):
    """Real dhcpd says `recover-done` then, mclt later, and would serve nobody ever after."""
    host.server.partner = "communications-interrupted"
    for state in ("recover-wait", "recover-done"):
        host.server.states_now[1] = state
        host.advance(2)
    assert host.server.put_back_into == [], "that is on its way"
    host.server.partner = "normal"
    host.server.obeys = False
    host.advance(2)
    assert (1, "normal") in host.server.put_back_into
    host.server.obeys = True
    host.advance(2)
    assert host.states[1] == "normal"
    told = len(host.server.put_back_into)
    host.advance(5)
    assert len(host.server.put_back_into) == told


@pytest.mark.parametrize("state", [APART, "partner-down"])
def test_rule_7_who_went_on_alone_goes_on_alone_when_dhcpd_s_timer_ends(host, state):
    """Real dhcpd still calls its dead partner `normal`, and falls back from both (measured)."""
    host.server.partner = "normal"
    host.server.is_met = lambda _: False
    host.server.states_now[1] = state
    host.advance(2)
    host.server.states_now[1] = "recover-done"
    host.advance(2)
    assert host.server.put_back_into == [(1, state)]
    assert host.states[1] == state
    host.server.partner = "partner-down"
    host.server.states_now[1] = "recover-done"
    host.advance(2)
    assert host.states[1] == "recover-done", "its partner gives its addresses away, and heals it"


def fell_back_without_daemon(host, *, hears):
    """Its daemon comes back when the server has fallen back, and knows nothing of before."""
    host.server.partner = "normal"
    host.server.is_met = lambda _: hears
    host.advance(2)
    host.crash()
    host.server.states_now[1] = "recover-done"
    host.server.put_back_into.clear()
    return host.begin()


def test_rule_7_a_daemon_that_comes_back_brings_a_connected_pair_to_normal(host):
    fell_back_without_daemon(host, hears=True).advance(1)
    assert host.server.put_back_into == [(1, "normal")]


def test_rule_7_what_the_partner_said_last_counts_for_nothing_while_it_is_not_connected(host):
    fell_back_without_daemon(host, hears=False).advance(14)
    assert host.server.put_back_into == [], "it may have taken over: it is looked for"
    host.advance(2)
    assert host.server.put_back_into == [(1, APART)], "as by a server that starts without it"


def test_rule_7_a_partner_that_is_found_meanwhile_is_looked_for_anew_when_it_is_gone_again(host):
    fell_back_without_daemon(host, hears=False).advance(10)
    host.server.partner = "partner-down"
    host.advance(1)
    host.server.partner = "normal"
    host.advance(14)
    assert host.server.put_back_into == []
    host.server.is_met = lambda _: True
    host.advance(1)
    assert host.server.put_back_into == [(1, "normal")]


def test_rule_7_who_went_on_alone_and_is_connected_again_is_normal_as_its_partner_is(host):
    host.server.partner = "normal"
    host.server.is_met = lambda _: False
    host.server.states_now[1] = APART
    host.advance(2)
    host.server.is_met = lambda _: True
    host.server.states_now[1] = "recover-done"
    host.advance(2)
    assert host.server.put_back_into == [(1, "normal")]


@pytest.mark.parametrize("state", [APART, "partner-down", "startup", "recover", "unknown"])
def test_rule_7_a_server_in_any_other_state_is_left_alone(host, state):
    host.server.states_now[1] = state
    problem = waits_no_more(host).error()
    assert isinstance(problem, RecoverWaitRefused)
    assert state in str(problem)
    assert host.server.put_back_into == []


def test_rule_7_a_server_with_another_peer_or_that_says_nothing_or_restarts_is_left_alone(host):
    host.server.states_now[1] = "recover-wait"
    for wrong in (waits_no_more(host, vlan=VlanId(9)), waits_no_more(host, peer=rack_id(3))):
        assert "does not serve VLAN" in str(wrong.error())
    host.server.obeys = False
    assert "is in recover-wait" in str(waits_no_more(host).error())
    host.server.silent = True
    assert str(waits_no_more(host).error()) == "no answer"
    host.server.silent = False
    host.server.seconds = 0.5
    host.follow(SECOND)
    host.advance(2.0)
    turn = host.turn(SECOND)
    assert "just restarted" in str(waits_no_more(host).error())
    host.advance(5.0)
    turn.value()
