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
