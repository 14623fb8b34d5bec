"""A rack makes its DHCP server be what its plan says: only in its turn, and never to the worse."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import SHARED, dhcp_fingerprint, shared_part
from evenrack.model.dhcp_report import DhcpReport, VlanError
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.snippet import Snippet
from evenrack.rack.converge import LOOK_SECONDS
from tests.dhcp_fleet import rack_id
from tests.rack.converging import FIRST, SECOND, RackHost, plan_of, refused
from tests.rack.small_dhcp_server import refusing


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin()


# Plans and turns


def test_a_new_plan_is_checked_and_reported_and_nothing_is_done_without_a_turn(host):
    host.follow(FIRST)
    host.advance(100.0)
    assert host.server.checked == [FIRST]
    assert host.server.started == []
    assert host.report == DhcpReport(waiting=dhcp_fingerprint(FIRST))


def test_a_turn_for_another_plan_or_for_none_is_refused(host):
    assert refused(host.turn(FIRST)) == "what waits for its turn is nothing"
    assert refused(host.turn(())) == "what waits for its turn is nothing"
    host.follow(FIRST)
    assert dhcp_fingerprint(FIRST) in refused(host.turn(SECOND))
    refused(host.turn(()))
    assert host.server.started == []
    assert host.report.waiting == dhcp_fingerprint(FIRST)


def test_in_its_turn_a_plan_is_applied_kept_on_disk_and_reported(host):
    host.follow(FIRST)
    host.turn(FIRST).value()
    assert host.server.started == [(FIRST, ("eth1", "eth2"))]
    assert host.kept == (FIRST,)
    report = host.reports[-1]
    assert report == host.report
    assert (report.applied, report.waiting, report.running) == (dhcp_fingerprint(FIRST), "", True)
    assert [(v.vlan, v.number, v.role, v.peer, v.state) for v in report.vlans] == [
        (vlan, FleetNumber(1, 5), "primary", rack_id(2), "normal") for vlan in (1, 2)
    ]


def test_an_interface_is_named_once_and_one_that_is_not_there_not_at_all(host):
    one, two = FIRST
    same = evolve(two, address=one.address)
    host.serving((one, same))
    assert host.server.started[-1][1] == ("eth1",)
    gone = evolve(one, address=IPv4Address("10.7.0.1"))
    host.serving((gone, two))
    assert host.server.started[-1][1] == ("eth2",)


def test_a_second_turn_for_the_same_plan_does_nothing(host):
    host.serving(FIRST)
    host.turn(FIRST).value()
    assert len(host.server.started) == 1
    host.follow(SECOND)
    host.turn(FIRST).value()
    assert (len(host.server.started), host.report.waiting) == (1, dhcp_fingerprint(SECOND))


def test_each_plan_is_checked_once_however_long_it_waits(host):
    host.follow(FIRST)
    host.advance(30.0)
    host.turn(FIRST).value()
    host.advance(30.0)
    assert host.server.checked == [FIRST]


def test_a_plan_that_is_taken_back_while_it_waits_waits_no_more(host):
    host.serving(FIRST)
    host.follow(SECOND)
    assert host.report.waiting == dhcp_fingerprint(SECOND)
    host.follow(FIRST)
    assert (host.report.waiting, host.report.applied) == ("", dhcp_fingerprint(FIRST))
    refused(host.turn(SECOND))


def test_a_report_is_told_only_when_it_changes(host):
    host.serving(FIRST)
    count = len(host.reports)
    host.advance(60.0)
    assert len(host.reports) == count


def test_an_empty_plan_stops_the_server_without_a_turn(host):
    host.serving(FIRST)
    host.follow(())
    assert not host.server.running()
    assert host.kept == ((),)
    assert host.report == DhcpReport()
    host.advance(60.0)
    assert len(host.server.started) == 1


def test_a_server_that_nobody_wants_is_stopped_also_when_nothing_is_known_of_it(tmp_path):
    host = RackHost(tmp_path)
    host.server.runs = FIRST
    host.begin()
    assert not host.server.running()


def test_a_vlan_without_a_peer_is_alone(host):
    host.serving(plan_of({1: (1,)}))
    assert host.states == {1: "alone"}


# Bad content (dhcp.md, rule 9)


def test_rule_9_a_bad_vlan_keeps_its_last_good_content_and_the_others_go_on(host):
    host.serving(FIRST)
    host.server.mistakes_in = lambda plan: refusing(2)(
        [it for it in plan if it.number == FleetNumber(1, 6)]
    )
    host.follow(SECOND)
    assert host.errors == {2: "VLAN 2 is bad"}
    host.turn(SECOND).value()
    assert host.server.runs == (SECOND[0], FIRST[1])
    assert host.report.applied == dhcp_fingerprint(SECOND)
    assert [vlan.number.generation for vlan in host.report.vlans] == [6, 5]
    assert host.report.errors == (VlanError(vlan=2, error="VLAN 2 is bad"),)


def test_a_vlan_that_is_taken_away_goes_also_when_another_one_is_bad(host):
    host.serving(FIRST)
    host.server.mistakes_in = lambda plan: refusing(2)([it for it in plan if it in SECOND])
    host.follow(SECOND[1:])
    host.turn(SECOND[1:]).value()
    assert host.server.runs == FIRST[1:]


def test_a_complaint_of_any_length_is_told_in_its_first_500_characters(host):
    host.server.mistakes_in = lambda plan: ["line 1: no\n" * 1000]
    host.follow(FIRST)
    assert [len(error) for error in host.errors.values()] == [500, 500]


def test_a_bad_vlan_that_was_never_served_is_left_out(host):
    host.server.mistakes_in = refusing(2)
    host.follow(FIRST)
    host.turn(FIRST).value()
    assert host.server.runs == FIRST[:1]
    assert host.errors == {2: "VLAN 2 is bad"}


def test_a_plan_of_which_nothing_is_good_waits_for_no_turn_and_is_as_good_as_applied(host):
    host.server.mistakes_in = refusing(1, 2)
    host.follow(FIRST)
    assert set(host.errors) == {1, 2}
    assert (host.report.applied, host.report.waiting) == (dhcp_fingerprint(FIRST), "")
    host.advance(10.0)
    assert host.server.started == []
    host.follow(())
    assert host.report == DhcpReport()


def test_the_plan_that_is_served_is_the_one_reported_when_a_bad_one_is_taken_back(host):
    host.serving(FIRST)
    host.server.mistakes_in = refusing(1, 2)
    host.follow(SECOND)
    assert host.report.applied == dhcp_fingerprint(SECOND)
    host.follow(FIRST)
    assert host.report.applied == dhcp_fingerprint(FIRST)
    assert host.errors == {}


def test_a_mended_plan_has_no_errors_any_more(host):
    host.server.mistakes_in = refusing(2)
    host.follow(FIRST)
    host.server.mistakes_in = refusing()
    host.follow(SECOND)
    assert host.errors == {}
    host.turn(SECOND).value()
    assert host.server.runs == SECOND


def test_vlans_that_are_good_alone_and_bad_together_are_never_served_together(host):
    host.serving(FIRST)

    def quarrel(plan):
        return ["they overlap"] if {it.number.generation for it in plan[:2]} == {6} else []

    host.server.mistakes_in = lambda plan: quarrel(plan) if len(plan) > 1 else []
    host.follow(SECOND)
    host.turn(SECOND).value()
    assert host.server.runs == (SECOND[0], FIRST[1])
    assert host.errors == {2: "they overlap"}


def test_a_new_vlan_that_does_not_go_with_the_others_takes_nothing_from_them(host):
    host.serving(FIRST[1:])
    host.server.mistakes_in = lambda plan: ["they overlap"] if len(plan) > 1 else []
    host.follow(FIRST)
    assert host.report.waiting == ""
    assert host.server.runs == FIRST[1:]
    assert host.errors == {1: "they overlap"}


def test_a_dhcpd_that_cannot_be_asked_leaves_everything_as_it_is_until_it_can(host):
    host.serving(FIRST)
    host.server.can_be_asked = False
    host.follow(SECOND)
    host.server.kill()
    host.advance(2.0)
    assert host.server.runs == FIRST
    assert (host.report.applied, host.report.waiting) == (dhcp_fingerprint(FIRST), "")
    host.server.can_be_asked = True
    host.advance(2.0)
    host.turn(SECOND).value()


def test_a_server_that_does_not_end_is_told_to_again(host):
    host.serving(FIRST)
    host.server.stops = False
    host.follow(())
    assert host.report.applied == dhcp_fingerprint(FIRST)
    host.server.stops = True
    host.advance(1.0)
    assert host.report == DhcpReport()


# Things that come at the same time


def test_a_turn_that_comes_while_a_newer_plan_is_checked_applies_the_one_it_is_for(host):
    host.follow(FIRST)
    host.server.seconds = 0.5
    host.follow(SECOND)
    turn = host.turn(FIRST)
    host.advance(3.0)
    turn.value()
    assert host.server.runs == FIRST
    assert host.report.applied == dhcp_fingerprint(FIRST)
    assert host.report.waiting == dhcp_fingerprint(SECOND)


@pytest.mark.parametrize("begins", [0.0, 0.5, 1.0, 1.5, 1.75, 2.0, 2.5])
def test_a_bad_vlan_keeps_what_is_served_also_when_that_is_applied_while_it_is_found_bad(
    host, begins
):
    third = plan_of(generation=7)
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.seconds = 0.5
    host.server.mistakes_in = lambda plan: refusing(2)([it for it in plan if it in third])
    host.follow(third)
    host.advance(begins)
    host.turn(SECOND)
    host.advance(10.0)
    turn = host.turn(third)
    host.advance(3.0)
    turn.value()
    before = SECOND if begins < 2.0 else FIRST  # later the newer plan waits: the turn is refused
    assert host.server.runs == (third[0], before[1])


def test_a_turn_that_comes_during_a_restart_is_refused_and_that_restart_goes_on(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.seconds = 0.5
    turn, doubled = host.turn(SECOND), host.turn(SECOND)
    refused(doubled)
    host.advance(3.0)
    turn.value()
    assert [plan for plan, _ in host.server.started] == [FIRST, SECOND]


def test_a_turn_that_comes_while_it_is_written_down_what_is_to_be_served_is_refused(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.disk_seconds = 0.5
    turn, doubled = host.turn(SECOND), host.turn(SECOND)
    refused(doubled)
    assert host.server.runs == FIRST
    host.advance(3.0)
    turn.value()
    assert [plan for plan, _ in host.server.started] == [FIRST, SECOND]
    assert host.kept == (SECOND,)


def test_a_turn_that_comes_while_a_killed_server_is_started_is_refused_and_can_be_repeated(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.seconds = 0.5
    host.server.kill()
    host.advance(LOOK_SECONDS)
    refused(host.turn(SECOND))
    host.advance(3.0)
    assert host.server.runs == FIRST
    turn = host.turn(SECOND)
    host.advance(3.0)
    turn.value()
    assert host.server.runs == SECOND


def test_a_plan_that_becomes_empty_during_a_restart_stops_the_server_after_it(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.advance(LOOK_SECONDS / 2)
    host.server.seconds = 0.5
    turn = host.turn(SECOND)
    host.follow(())
    host.advance(5.0)
    turn.value()
    assert host.server.met == 0
    assert not host.server.running()
    assert host.report == DhcpReport()


def test_a_turn_that_comes_while_the_server_is_stopped_is_refused(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.seconds = 0.5
    host.follow(())
    refused(host.turn(SECOND))
    host.advance(3.0)
    assert not host.server.running()


def test_m9_bad_global_snippets_stop_nothing_and_are_reported_beside_the_vlans(host):
    good, bad = (
        shared_part((Snippet(id=1, level="global", text=text),)) for text in ("good;", "bad;")
    )
    host.serving((good, *FIRST))
    assert [vlan.vlan for vlan in host.report.vlans] == [1, 2]
    host.server.mistakes_in = lambda plan: refusing(SHARED)([it for it in plan if it == bad])
    host.follow((bad, *FIRST))
    assert (host.report.shared_error, host.report.is_vlan_refused) == ("VLAN 0 is bad", False)
    assert host.report.waiting == "", "nobody restarts for what stays as it was"
    host.follow((bad, *SECOND))
    host.turn((bad, *SECOND)).value()
    assert host.server.runs == (good, *SECOND)
    assert host.report.applied == dhcp_fingerprint((bad, *SECOND))
    host.follow(SECOND)
    host.turn(SECOND).value()
    assert host.server.runs == SECOND
    assert (host.report.shared_error, host.report.errors) == (None, ())
