"""A rack that is told that the other server of a pair is dead (M16)."""

import pytest
from twisted.internet.defer import Deferred

from evenrack.errors import PartnerDownRefused
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
    assert host.server.put_back_into == []


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
