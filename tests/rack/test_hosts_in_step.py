"""A rack whose server is told of reservations needs no turn: nobody grants it one here."""

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.fleet_number import FleetNumber
from tests.rack.converging import FIRST, RackHost, plan_of, refused
from tests.rack.small_dhcp_server import refusing

LATER, LAST = plan_of(generation=6), plan_of(generation=7)
"""In these tests they differ from FIRST in reservations only."""


def only_reservations(served, plan):
    return plan if len(plan) == len(served) else served


@pytest.fixture
def host(tmp_path):
    host = RackHost(tmp_path).begin().serving(FIRST)
    host.server.takes_hosts = only_reservations
    return host


def starts(host):
    return [plan for plan, _ in host.server.started]


def test_what_the_server_is_told_of_counts_as_applied_and_waits_for_nothing(host):
    host.reports.clear()
    host.follow(LATER)
    assert host.server.runs == LATER
    assert starts(host) == [FIRST]
    assert host.report.applied == dhcp_fingerprint(LATER)
    assert {side.number for side in host.report.vlans} == {FleetNumber(1, 6)}
    assert host.kept == (LATER,)
    assert not any(report.waiting for report in host.reports)


def test_it_is_told_also_while_its_peer_is_away(host):
    host.server.states_now = {1: "communications-interrupted", 2: "partner-down"}
    host.follow(LATER)
    assert host.server.runs == LATER
    assert host.states == {1: "communications-interrupted", 2: "partner-down"}


def test_what_needs_a_restart_waits_and_reservations_elsewhere_do_not(host):
    mixed = (LATER[0], FIRST[1])
    host.server.takes_hosts = lambda served, plan: (plan[0], served[1])
    host.follow(LATER)
    assert host.server.runs == mixed
    assert host.kept == (mixed,)
    assert host.report.applied == dhcp_fingerprint(mixed)
    assert host.report.waiting == dhcp_fingerprint(LATER)
    host.turn(LATER).value()
    assert starts(host) == [FIRST, LATER]


def test_beside_a_vlan_that_is_refused_reservations_of_others_need_no_restart(host):
    bad = (FIRST[0], evolve(LATER[1], vlan=evolve(LATER[1].vlan, name="bad")))
    host.server.takes_hosts = lambda served, plan: (plan[0], served[1])
    host.server.mistakes_in = lambda plan: refusing(2)([it for it in plan if it in bad])
    host.follow(bad)
    host.advance(1.0)
    host.follow((LATER[0], bad[1]))
    assert host.server.runs == (LATER[0], FIRST[1])
    assert starts(host) == [FIRST]
    assert not host.report.waiting
    assert list(host.errors) == [2]


def test_a_server_that_does_not_answer_gets_them_by_a_restart(host):
    host.server.silent = True
    host.follow(LATER)
    assert host.report.applied == dhcp_fingerprint(FIRST)
    assert host.report.waiting == dhcp_fingerprint(LATER)
    host.server.silent = False
    host.turn(LATER).value()
    host.advance(3.0)
    assert starts(host) == [FIRST, LATER]
    assert not host.server.told
    assert not host.server.has_in_part


def test_what_it_has_in_part_is_taken_back_as_soon_as_it_answers(host):
    host.server.silent = True
    host.follow(LATER)
    host.advance(3.0)
    host.server.silent = False
    host.advance(3.0)
    assert host.server.told == [FIRST]
    assert host.server.runs == FIRST
    assert host.report.waiting == dhcp_fingerprint(LATER), "it was tried once"
    host.follow(LAST)
    assert host.server.runs == LAST, "another one is tried anew"


def test_a_daemon_that_ended_half_way_leaves_it_to_the_next_one(host):
    host.server.seconds = 0.5
    host.follow(LATER)
    assert host.server.has_in_part == [LATER]
    assert host.kept == (FIRST, LATER)
    host.crash()
    host.server.seconds = 0.0
    host.begin()
    assert host.server.told == [FIRST, LATER]
    assert host.server.runs == LATER
    assert starts(host) == [FIRST]


def test_a_server_that_a_later_daemon_would_start_with_other_words_is_restarted(host):
    host.server.text_of = lambda plan: [plan, object()]
    host.follow(LATER)
    assert not host.server.told
    host.turn(LATER).value()
    assert starts(host) == [FIRST, LATER]


def test_no_turn_is_taken_while_the_server_is_told(host):
    waits = (*FIRST[:1],)
    host.follow(waits)
    assert host.report.waiting == dhcp_fingerprint(waits)
    host.server.seconds = 0.5
    host.follow(LATER)
    assert "just told of reservations" in refused(host.turn(waits))
    host.advance(2.0)
    assert host.server.runs == LATER
    assert not host.server.met


def test_a_server_that_died_is_started_with_what_it_was_told(host):
    host.follow(LATER)
    host.server.kill()
    host.advance(2.0)
    assert starts(host) == [FIRST, LATER]
    assert host.server.runs == LATER


# What comes while its file is checked


def test_what_comes_while_the_file_is_checked_is_told_at_once(host):
    host.server.check_seconds = 2.0
    host.follow(LATER)
    assert (host.server.runs, host.server.kept) == (LATER, [])
    host.advance(0.5)
    host.follow(LAST)
    host.advance(0.2)
    assert (host.server.runs, host.server.kept) == (LAST, [])
    assert host.kept == (FIRST, LAST)
    host.advance(1.5)
    assert host.server.kept == [LATER]
    host.advance(2.0)
    assert host.server.kept == [LATER, LAST]
    assert host.kept == (LAST,)
    assert host.report.applied == dhcp_fingerprint(LAST)
    assert starts(host) == [FIRST]


def test_of_many_changes_in_quick_succession_each_is_served_before_a_check_would_end(host):
    """Not one check for each; and after a while nothing more is told until the file is in step."""
    host.server.check_seconds = 2.0
    plans = [plan_of(generation=number) for number in range(6, 26)]
    waits = []
    for plan in plans:
        host.follow(plan)
        waits.append(next(n for n in range(25) if host.server.runs == plan or host.advance(0.1)))
        host.advance(0.4)
    assert max(waits) * 0.1 <= host.server.check_seconds + 0.1
    assert sorted(waits)[len(waits) // 2] <= 1
    assert len({report.applied for report in host.reports}) > 2, "each look ends after a while"
    host.advance(2 * host.server.check_seconds)
    assert host.server.was_given == host.server.runs == plans[-1]
    assert len(host.server.kept) <= len(plans) // 2
    assert host.kept == (plans[-1],)


def test_what_goes_or_changes_meanwhile_waits_for_the_check(host):
    host.server.check_seconds, host.server.takes_more = 2.0, False
    host.follow(LATER)
    host.advance(0.5)
    host.follow(LAST)
    host.advance(1.0)
    assert host.server.runs == LATER
    host.advance(1.0)
    assert (host.server.runs, host.server.kept) == (LAST, [LATER])


def test_a_daemon_that_ended_while_more_was_told_leaves_all_of_it_to_the_next_one(host):
    host.server.check_seconds = 2.0
    host.follow(LATER)
    host.follow(LAST)
    host.advance(0.2)
    assert host.server.told == [LATER, LAST]
    host.crash()
    host.server.check_seconds = 0.0
    host.begin()
    assert host.server.told == [LATER, LAST, FIRST, LAST]
    assert (host.server.was_given, host.kept) == (LAST, (LAST,))
    assert starts(host) == [FIRST]


def test_what_is_thrown_away_while_the_file_is_checked_waits_for_it_no_more(host):
    host.server.check_seconds = 2.0
    telling = host.converge._hosts.tell(FIRST, LATER)
    telling.send(None)
    assert host.server.told[0] == LATER
    telling.close()  # as when nobody knows of it any more


@pytest.mark.parametrize("bad", [LATER, LAST])
def test_what_does_not_pass_the_check_is_taken_back_with_all_that_came_after(host, bad):
    host.server.check_seconds = 1.0
    host.server.mistakes_in = lambda plan: ["bad"] if plan == bad else []
    host.follow(LATER)
    host.follow(LAST)
    host.advance(0.2)
    assert host.server.runs == LAST
    host.advance(6.0)
    good = {LATER: LAST, LAST: LATER}[bad]
    assert host.server.told[2] == {LATER: FIRST, LAST: LATER}[bad]
    assert host.server.was_given == host.server.runs == good
    assert starts(host) == [FIRST]


def test_the_file_is_brought_back_too_where_it_had_passed_a_check_before(host):
    """Of both plans only the first VLAN can be told."""
    host.server.check_seconds = 1.0
    host.server.takes_hosts = lambda served, plan: (plan[0], served[1])
    second = (LAST[0], FIRST[1])
    host.server.mistakes_in = lambda plan: ["bad"] if plan == second else []
    host.follow(LATER)
    host.follow(LAST)
    host.advance(1.5)
    assert host.server.was_given == (LATER[0], FIRST[1])
    host.advance(6.0)
    assert host.server.runs == host.server.was_given == FIRST
    assert host.kept == (FIRST,)


def test_what_could_not_be_taken_back_yet_is_not_forgotten(host):
    """Its file has LATER by now, and it has more than that; then this daemon ends."""
    host.server.check_seconds = 1.0
    host.server.mistakes_in = lambda plan: ["bad"] if plan == LAST else []
    host.follow(LATER)
    host.follow(LAST)
    host.advance(1.5)
    host.server.silent = True
    host.advance(3.0)
    assert host.server.kept == [LATER]
    assert host.kept == (LATER, LAST)
    host.crash()
    host.server.silent = False
    host.begin().advance(8.0)
    assert host.server.told[2] == LATER, "before LAST is tried again"
    assert host.server.runs == host.server.was_given == LATER


def test_a_server_that_dies_while_its_file_is_checked_is_started_with_all_that_it_was_told(host):
    host.server.check_seconds = 1.0
    host.follow(LATER)
    host.follow(LAST)
    host.advance(0.2)
    host.server.kill()
    host.advance(6.0)
    assert starts(host) == [FIRST, LAST]
    assert host.server.runs == LAST
