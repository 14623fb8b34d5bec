"""The scale rig works with a handful of racks, so that it is there when a figure is wanted."""

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.bare_amp import bare_storm
from benchmarks.dead_host import silence_one
from benchmarks.dhcp_render import run_part
from benchmarks.floor import floor_of_fail_over
from benchmarks.inventory import BMCS_OF_VLAN, add_inventory, others_decided
from benchmarks.kill9_process import kill_one
from benchmarks.load import new_load, wait_until_told
from benchmarks.measure import Figure, percentile, table
from benchmarks.moves import Case, count_on
from benchmarks.replanning import Size as ReplannedSize
from benchmarks.replanning import lose_one
from benchmarks.rig import Size, new_rig
from benchmarks.storm_db import exponent, storm_on
from tests.rack.dhcp.dhcpd_program import needs_dhcpd

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
RACKS = 4
SETTLE_SECONDS = 60.0
SILENCE_SECONDS = 6.0
"""Longer than a busy machine stands still: nobody counts as silent but who is made so."""
LIVENESS = {
    "dead_after_seconds": SILENCE_SECONDS,
    "silence_seconds": SILENCE_SECONDS,
    "lease_seconds": SILENCE_SECONDS + 2.0,
}


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.daemon
def test_racks_that_come_are_managed_and_get_another_manager_when_theirs_is_killed_or_silent(
    database_dsn,
):
    with (
        new_rig(database_dsn, Size(hosts=2, processes=1), LIVENESS) as rig,
        new_load(rig, RACKS, silence_seconds=SILENCE_SECONDS) as load,
    ):
        began = load.start()
        told = wait_until_told(load, began, list(load.state().managed_by), [], SETTLE_SECONDS)
        assert len(told) == RACKS
        add_inventory(rig, RACKS)
        decided = others_decided(rig)
        assert len(decided) == 1 + BMCS_OF_VLAN
        assert 0 < kill_one(rig, load, "region1/1") < SETTLE_SECONDS
        load.wait_until_whole(rig, SETTLE_SECONDS)  # the killed one was started, and has its share
        assert 1 < silence_one(rig, load, "region2") < SETTLE_SECONDS
        assert others_decided(rig) == decided


@pytest.mark.postgres
def test_a_storm_without_sockets_is_recorded_and_managed_and_its_rows_are_inserted_again(
    database_dsn,
):
    seconds = storm_on(database_dsn, processes=2, racks=RACKS)
    assert all(value > 0 for value in seconds.values())
    assert seconds["raw_cpu"] < seconds["database_cpu"]
    assert seconds["database_cpu"] < seconds["cpu"]


@pytest.mark.slow
@pytest.mark.postgres
def test_moves_are_counted_when_a_process_stops_and_returns(database_dsn):
    case = Case(processes=2, racks=RACKS, blips=2, still_seconds=1.5, dead_after_seconds=20.0)
    counted = count_on(database_dsn, case)
    assert counted == {"had": 2, "stop": 2, "back": 2, "blips": 0, "orphans": 0}


@pytest.mark.slow
@pytest.mark.postgres
def test_a_rack_of_many_vlans_is_lost_and_others_are_told_of_its_roles(database_dsn):
    took = lose_one(database_dsn, ReplannedSize(processes=2, racks=6, vlans=30))
    assert (took["lost"], took["racks"]) == (10, 5)
    assert 0 < took["told"] < SETTLE_SECONDS
    assert min(took["pairs"], took["services"], took["plans"], took["cpu"]) > 0


@pytest.mark.postgres
def test_the_limits_are_measured(database_dsn):
    assert 0.02 < floor_of_fail_over(database_dsn) < 1
    assert bare_storm(racks=2, processes=2)["seconds"] > 0


@needs_dhcpd
def test_a_rack_follows_plans_with_reserved_addresses_and_is_watched_meanwhile():
    assert run_part("render", 200, 2)["seconds"] > 0
    took = run_part("apply", 200, 2)
    assert 0 < took["late_apply"] < SETTLE_SECONDS
    assert min(took["dhcpd"], took["check"]) > 0


def test_growth_is_the_exponent_of_the_costs():
    sizes = (1_000, 2_000, 4_000)
    assert exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_percentiles_are_values_that_were_measured():
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 99) == 7


def test_a_missed_target_is_told():
    missed = Figure(name="slow", value=2, unit="s", target=1)
    assert "MISSED" in table([missed])
    assert not missed.ok


def test_every_benchmark_is_documented():
    text = DOCUMENT.read_text()
    assert [name for name in BENCHMARKS if f"`{name}`" not in text] == []
