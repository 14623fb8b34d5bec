"""A DHCP server that restarts in another role, and takes the old one back if need be."""

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.fleet_number import FleetNumber
from evenrack.rack.converge import CHANGE_LOOK_SECONDS, LOOK_SECONDS
from evenrack.rack.failed_tries import FAILED_SECONDS
from evenrack.rack.role_change import DEMOTED_SECONDS, LATE_SECONDS, PROMOTED_SECONDS
from tests.rack.converging import FIRST, RackHost, plan_of, refused

SECONDARY = plan_of({1: (2, 1), 2: (1, 2)}, generation=6)
"""The first VLAN's roles are exchanged; of the second only the number is another."""
BACK, AGAIN = (FIRST[0], SECONDARY[1]), (SECONDARY[0], FIRST[1])
"""With the old role again; what else changed with it stays as it is."""
STARTUP_SECONDS = 15.0
"""What dhcpd waits for its peer before it serves without it."""


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin()


def begin(host, before, after, *, ends=True):
    """Let it restart in another role while its peer has not changed its own."""
    host.serving(before)
    host.server.away = {1}
    host.serving(after, ends=ends)
    host.server.started.clear()


def test_m12_a_server_that_is_normal_in_its_new_role_keeps_it(host):
    begin(host, FIRST, SECONDARY)
    assert host.report.changing
    assert host.report.applied == dhcp_fingerprint(SECONDARY)
    host.advance(2.0)
    host.server.states_now[1] = "normal"
    host.advance(2 * CHANGE_LOOK_SECONDS)
    assert not host.report.changing
    host.server.states_now[1] = "communications-interrupted"
    host.advance(2 * STARTUP_SECONDS)
    assert host.server.started == []


@pytest.mark.parametrize(
    ("before", "after", "back", "seconds"),
    [
        pytest.param(FIRST, SECONDARY, BACK, DEMOTED_SECONDS, id="demoted"),
        pytest.param(SECONDARY, FIRST, AGAIN, PROMOTED_SECONDS, id="promoted"),
    ],
)
def test_m12_a_role_that_the_peer_does_not_follow_is_taken_back_before_both_would_serve(
    host, before, after, back, seconds
):
    begin(host, before, after)
    host.advance(seconds - 2 * CHANGE_LOOK_SECONDS)
    assert host.server.runs == after
    host.advance(LOOK_SECONDS)
    assert host.server.runs == back
    (_, served), (ended, _) = host.server.restarts[-2:]
    answers_nobody = back is BACK  # it is paused meanwhile
    assert answers_nobody or ended - served < STARTUP_SECONDS
    assert host.kept == (back,)
    assert not host.report.changing
    assert "took its role back" in host.report.failed
    assert "vlan1" in host.report.failed
    assert "vlan2" not in host.report.failed
    assert "took its role back" in refused(host.turn(after))


def test_m12_a_new_primary_whose_peer_takes_nothing_back_stays_what_it_is(host):
    begin(host, SECONDARY, FIRST, ends=False)
    assert not host.report.changing
    host.advance(2 * STARTUP_SECONDS)
    assert host.server.started == []
    assert host.report.took_back == ()


def test_m12_what_was_taken_back_is_told_for_a_minute_whatever_plan_comes_meanwhile(host):
    begin(host, FIRST, SECONDARY)
    host.follow(tuple(evolve(it, number=FleetNumber(1, 9)) for it in SECONDARY))
    host.advance(DEMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs == BACK
    assert host.report.took_back == (1,)
    host.advance(FAILED_SECONDS)
    host.server.states_now[1] = "normal"  # a report goes out when something else changes
    host.advance(LOOK_SECONDS)
    assert host.report.took_back == ()


def test_m12_a_turn_that_ends_is_refused_when_the_server_cannot_restart_in_time(host):
    host.serving(SECONDARY)
    host.follow(FIRST)
    host.server.seconds = LATE_SECONDS + 0.25  # to say in which state it is
    turn = host.turn(FIRST, ends=True)
    host.advance(2 * LATE_SECONDS)
    assert "came too late" in refused(turn)
    host.server.seconds = 0.0
    host.advance(3.0)
    assert (host.server.runs, host.kept) == (SECONDARY, (SECONDARY,))
    host.turn(FIRST, ends=True).value()
    assert host.server.runs == FIRST


def test_m12_what_was_normal_in_the_old_role_says_nothing_of_the_new_one(host):
    """Its server dies right after the restart: what it said last is of before."""
    host.serving(FIRST)
    host.server.away = {1}
    host.serving(SECONDARY)
    host.server.starts = False
    host.server.kill()
    host.advance(2.0)
    assert host.report.changing
    host.server.starts = True
    host.advance(DEMOTED_SECONDS)
    assert host.server.runs == BACK


def test_a_vlan_that_was_given_away_in_the_same_restart_is_not_taken_back(host):
    begin(host, FIRST, SECONDARY[:1])
    host.advance(DEMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs == FIRST[:1], "another rack may serve the second one by now"


def test_m12_what_was_taken_back_is_tried_again_after_a_minute(host):
    begin(host, FIRST, SECONDARY)
    host.advance(DEMOTED_SECONDS + FAILED_SECONDS + LOOK_SECONDS)
    assert host.report.failed == ""
    host.turn(SECONDARY).value()
    assert host.server.runs == SECONDARY


def test_m12_the_new_primary_takes_back_its_role_and_its_state(host):
    """It served alone while its peer restarted: it goes on at once."""
    host.serving(SECONDARY)
    host.server.away = {1}
    host.server.states_now[1] = "communications-interrupted"
    host.serving(FIRST, ends=True)
    assert host.server.put_back_into == []
    host.advance(PROMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs == AGAIN
    assert host.server.put_back_into == [(1, "communications-interrupted")]


def test_no_other_turn_is_taken_while_it_is_not_known_what_became_of_a_change_of_roles(host):
    begin(host, FIRST, SECONDARY)
    third = plan_of({1: (2, 1), 2: (1, 2), 3: (1,)}, generation=7)
    host.follow(third)
    assert "what became of its last turn" in refused(host.turn(third))
    host.server.states_now[1] = "normal"
    host.advance(LOOK_SECONDS)
    host.turn(third).value()


def test_a_rack_daemon_that_starts_again_leaves_the_new_role_as_it_is(host):
    """The regions see that the peer did not follow, and nobody takes anything back any more."""
    begin(host, FIRST, SECONDARY)
    host.end()
    host.begin()
    assert not host.report.changing
    host.advance(2 * DEMOTED_SECONDS)
    assert host.server.runs == SECONDARY


def test_dhcp_that_is_turned_off_meanwhile_ends_the_change_of_roles(host):
    begin(host, FIRST, SECONDARY)
    host.follow(())
    host.advance(2 * DEMOTED_SECONDS)
    assert not host.server.running()
    assert not host.report.changing


def test_a_role_that_cannot_be_taken_back_is_told(host, logged):
    begin(host, FIRST, SECONDARY)
    host.server.starts = False
    host.advance(DEMOTED_SECONDS + LOOK_SECONDS)
    assert host.server.runs == SECONDARY
    assert any("does not obey" in line for line in logged())
    assert host.report.applied == dhcp_fingerprint(SECONDARY)


def test_a_plan_that_says_the_same_in_other_numbers_needs_no_restart_and_no_turn(host):
    """Such as a change of roles that was called off before it began."""
    host.serving(FIRST)
    host.server.text_of = lambda plan: [(each.vlan, each.role) for each in plan]
    other = tuple(evolve(each, number=SECONDARY[0].number) for each in FIRST)
    host.follow(other)
    assert (host.report.applied, host.report.waiting) == (dhcp_fingerprint(other), "")
    assert host.kept == (other,)
    assert len(host.server.started) == 1
    host.follow(SECONDARY)
    assert host.report.waiting == dhcp_fingerprint(SECONDARY)
    host.follow(FIRST)
    assert (host.report.applied, host.report.waiting) == (dhcp_fingerprint(FIRST), "")
    assert "nothing" in refused(host.turn(SECONDARY)), "that was called off"
