"""A DHCP server that dies, or does not start, or starts while its peer is away."""

from itertools import pairwise

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import Peer, dhcp_fingerprint
from evenrack.rack.converge import LOOK_SECONDS, WAIT_FOR_REGION_SECONDS
from evenrack.rack.failed_tries import FAILED_SECONDS
from tests.dhcp_fleet import rack_id
from tests.rack.converging import FIRST, SECOND, RackHost, plan_of, refused
from tests.rack.dhcp.golden_plans6 import serving6, subnet6
from tests.rack.small_dhcp_server import refusing
from tests.wire.both_ends import STEP


@pytest.fixture
def host(tmp_path):
    return RackHost(tmp_path).begin()


# Servers that die, and racks that start


def test_a_killed_server_is_started_again_at_once_with_what_was_applied(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.kill()
    host.advance(LOOK_SECONDS)
    assert host.server.runs == FIRST
    assert host.report.waiting == dhcp_fingerprint(SECOND)


def test_rule_13_without_a_region_nothing_is_started_for_30_s_and_then_what_was_applied(tmp_path):
    RackHost(tmp_path).begin().serving(FIRST).end()
    host = RackHost(tmp_path)
    host.has_region = False
    host.plan = SECOND
    host.begin().advance(WAIT_FOR_REGION_SECONDS - STEP)
    assert host.server.started == []
    assert host.report.applied == dhcp_fingerprint(FIRST)
    assert host.states == {1: "down", 2: "down"}
    host.advance(STEP)
    assert [plan for plan, _ in host.server.started] == [FIRST]
    host.server.kill()
    host.advance(LOOK_SECONDS)
    assert host.server.runs == FIRST


def test_a_killed_server_is_started_again_at_once_also_when_the_regions_are_gone_since(host):
    host.serving(FIRST)
    host.has_region = False
    host.server.kill()
    host.advance(LOOK_SECONDS)
    assert host.server.runs == FIRST


def test_rule_13_without_a_region_a_rack_that_starts_has_no_half_of_ipv6_until_its_turn(tmp_path):
    plan = (serving6(subnet6(1, ("1", "9")), half="lower"),)
    RackHost(tmp_path).begin().serving(plan).end()
    host = RackHost(tmp_path)
    host.has_region = False
    host.begin().advance(WAIT_FOR_REGION_SECONDS)
    without = (evolve(plan[0], half="none"),)
    assert (host.server.runs, host.kept) == (without, (without,))
    host.has_region = True
    host.serving(plan)
    host.has_region = False
    host.server.kill()
    host.advance(LOOK_SECONDS)
    assert host.server.runs == plan, "a region has spoken since"


def test_with_a_region_a_rack_that_starts_serves_at_once_what_was_applied(tmp_path):
    RackHost(tmp_path).begin().serving(FIRST).end()
    host = RackHost(tmp_path)
    host.plan = SECOND
    host.begin()
    assert host.server.runs == FIRST
    assert host.report.waiting == dhcp_fingerprint(SECOND)


def test_a_rack_that_comes_back_does_not_start_what_others_serve_by_now(tmp_path):
    both = plan_of({1: (1, 2), 2: (1, 2), 3: (1,)})
    RackHost(tmp_path).begin().serving(both).end()
    host = RackHost(tmp_path)
    one, _, alone = both
    host.plan = (evolve(one, peer=Peer(rack=rack_id(3), address=one.address)), alone)
    host.begin()
    assert host.server.runs == (alone,), "one has another peer now, one is another's"
    assert host.kept == ((alone,),)
    assert host.report.waiting == dhcp_fingerprint(host.plan), "the rest begins in its turn"


def test_a_rack_that_comes_back_and_has_lost_everything_starts_nothing(tmp_path):
    RackHost(tmp_path).begin().serving(plan_of({1: (1, 2)})).end()
    host = RackHost(tmp_path)
    host.plan = plan_of({2: (1, 2)})
    host.begin()
    assert (host.server.started, host.server.runs, host.kept) == ([], None, ((),))
    host.turn(host.plan).value()
    assert host.server.runs == host.plan


def test_m15_a_server_that_outlived_its_rack_daemon_is_adopted_and_never_restarted(tmp_path):
    host = RackHost(tmp_path).begin().serving(FIRST)
    host.end()
    host.has_region = False
    host.begin().advance(60.0)
    assert host.report.running
    host.has_region = True
    host.advance(60.0)
    assert len(host.server.started) == 1
    assert host.report.applied == dhcp_fingerprint(FIRST)
    assert host.states == {1: "normal", 2: "normal"}


def test_a_rack_daemon_that_starts_knows_again_that_a_bad_vlan_keeps_its_old_content(tmp_path):
    host = RackHost(tmp_path).begin().serving(FIRST)
    host.server.mistakes_in = lambda plan: refusing(2)([it for it in plan if it in SECOND])
    host.follow(SECOND)
    host.turn(SECOND).value()
    before = host.report
    host.end()
    host.begin()
    assert host.report == before
    assert len(host.server.started) == 2


@pytest.mark.parametrize("eighths", range(14))
def test_a_rack_daemon_that_dies_while_the_disk_is_slow_knows_afterwards_what_is_served(
    host, eighths
):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.seconds = host.disk_seconds = 0.5
    host.turn(SECOND)
    host.advance(eighths / 8)
    host.crash()
    serves = host.server.runs
    host.server.seconds = host.disk_seconds = 0.0
    host.begin()
    assert host.report.applied == dhcp_fingerprint(serves)
    if serves == FIRST:
        host.turn(SECOND).value()
    assert (host.server.runs, host.kept) == (SECOND, (SECOND,))


@pytest.mark.parametrize(("seconds", "serves"), [(0.75, FIRST), (1.25, SECOND)])
def test_a_rack_daemon_that_dies_during_a_restart_knows_afterwards_what_is_served(
    host, seconds, serves
):
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.follow(SECOND)
    host.server.seconds = 0.5  # for each: to ask for its state, to restart, to be put back into it
    host.turn(SECOND)
    host.advance(seconds)
    host.crash()
    assert host.server.runs == serves
    host.server.seconds = 0.0
    host.begin()
    assert host.report.applied == dhcp_fingerprint(serves)
    assert host.report.waiting == ("" if serves == SECOND else dhcp_fingerprint(SECOND))
    if serves == FIRST:
        host.turn(SECOND).value()
    assert (host.server.runs, host.kept[0]) == (SECOND, SECOND)


# Starts that fail


def test_a_start_that_fails_is_refused_with_its_reason_and_what_was_served_goes_on(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.starts = False
    assert "ended as soon as it was started" in refused(host.turn(SECOND))
    assert host.kept == (FIRST,)
    assert (host.report.applied, host.report.waiting) == (
        dhcp_fingerprint(FIRST),
        dhcp_fingerprint(SECOND),
    )
    assert "ended as soon as it was started" in host.report.failed
    host.server.starts = True
    host.advance(FAILED_SECONDS)
    assert host.report.failed == "", "and is to be tried again"
    host.turn(SECOND).value()
    assert host.server.runs == SECOND


def test_a_plan_that_does_not_start_costs_what_is_served_one_restart_a_minute(host):
    """It passes the check and does not start; the region gives the turn each second (B3)."""
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.starts = False
    for _ in range(50):
        refused(host.turn(SECOND))
        host.advance(LOOK_SECONDS)
    assert len(host.server.failed) == 1


def test_what_served_before_a_start_that_failed_is_put_back_into_its_state(host):
    """It was restarted for nothing; with its peer away it would serve nobody for 15 s."""
    host.serving(FIRST)
    host.server.away = {1}
    host.server.states_now[1] = "partner-down"
    host.advance(LOOK_SECONDS)
    host.follow(SECOND)
    host.server.starts = False
    refused(host.turn(SECOND))
    assert host.server.put_back_into == [(1, "partner-down")]


def test_where_nothing_is_served_yet_a_start_that_failed_is_tried_again_soon(host):
    host.follow(FIRST)
    host.server.starts = False
    refused(host.turn(FIRST))
    assert host.report.failed == ""
    host.server.starts = True
    host.advance(LOOK_SECONDS)
    host.turn(FIRST).value()
    assert host.server.runs == FIRST


def test_a_start_that_fails_is_tried_no_more_than_once_a_second(host):
    host.serving(FIRST)
    host.follow(SECOND)
    host.server.starts = False
    for _ in range(40):
        refused(host.turn(SECOND))
        host.converge.trigger()
        host.advance(STEP)
    host.server.kill()
    for _ in range(40):
        refused(host.turn(SECOND))
        host.converge.trigger()
        host.advance(STEP)
    failed = host.server.failed
    assert 4 <= len(failed) <= 6
    assert all(late - early >= LOOK_SECONDS for early, late in pairwise(failed))


def test_a_server_that_does_not_start_is_down_and_is_tried_again(host, logged):
    host.serving(FIRST)
    host.server.starts = False
    host.server.kill()
    host.advance(3.0)
    assert not host.report.running
    assert host.states == {1: "down", 2: "down"}
    assert any("does not start" in line for line in logged())
    host.server.starts = True
    host.advance(LOOK_SECONDS + STEP)
    assert host.server.runs == FIRST


def test_an_ip_that_fails_while_a_server_is_started_is_a_start_that_fails(host):
    host.follow(FIRST)
    host.ip_works = False
    assert "ip -j addr" in refused(host.turn(FIRST))
    host.ip_works = True
    host.advance(LOOK_SECONDS)
    host.turn(FIRST).value()
