"""A year of faults in an evening: worlds in which the real services live, die and are cut."""

import os

import pytest

from evenrack.balance import dhcp_turns
from tests.simulation.exchanges import live_through_exchanges
from tests.simulation.kept_seeds import KEPT_SEEDS
from tests.simulation.lost_racks import live_through_a_loss
from tests.simulation.network import RACKS_OF_VLAN
from tests.simulation.outages import live_through_outages
from tests.simulation.run import simulate

pytestmark = pytest.mark.postgres

SEEDS = range(1, 1 + int(os.environ.get("SIMULATION_SEEDS", "20")))
SECONDS = float(os.environ.get("SIMULATION_SECONDS", "30"))


def test_the_same_seed_gives_the_same_history(database_dsn):
    first = simulate(7, database_dsn, seconds=40)
    again = simulate(7, database_dsn, seconds=40)
    assert first.history == again.history
    assert first.fingerprint == again.fingerprint


def test_without_faults_each_rack_is_managed_and_nothing_moves_afterwards(database_dsn):
    outcome = simulate(1, database_dsn, seconds=40, faults=False)
    assert outcome.wrong == ()
    late = [
        line
        for line in outcome.history
        if line.split()[1] in {"moved", "dhcp"} and float(line.split()[0]) > 10
    ]
    assert late == []


@pytest.mark.parametrize("seed", sorted({*SEEDS, *KEPT_SEEDS}))
def test_p1_p3_whatever_fails_the_fleet_is_whole_again_after_15_s_of_calm(seed, database_dsn):
    outcome = simulate(seed, database_dsn, seconds=SECONDS)
    assert outcome.wrong == (), f"replay: make simulate SEED={seed} SECONDS={SECONDS:g}"


# Not seeds 1 and 8: their regions are out of reach nearly all the time, and no role is exchanged.
@pytest.mark.parametrize("seed", [2, 3, 4, 5, 6, 7, 10])
def test_m12_whoever_drains_and_whatever_fails_no_vlan_has_two_primaries(seed, database_dsn):
    outcome, exchanges = live_through_exchanges(seed, database_dsn, seconds=50)
    assert outcome.wrong == ()
    assert exchanges >= 2, "there is nothing to see"


def test_m12_a_new_primary_that_restarts_first_would_be_seen(database_dsn, monkeypatch):
    monkeypatch.setattr(dhcp_turns._Deciding, "_comes_later", lambda deciding, rack: False)
    outcome, _ = live_through_exchanges(3, database_dsn, seconds=50, until=("two primaries",))
    assert "two primaries" in outcome.wrong[0]


@pytest.mark.parametrize(
    ("loss", "vlans", "called_dead"),
    [
        ("daemon", RACKS_OF_VLAN, []),
        ("daemon and server", RACKS_OF_VLAN, []),
        ("host", RACKS_OF_VLAN, [1]),
        ("host", {"vlan1": ("rack1", "rack2"), "vlan2": ("rack3", "rack4")}, []),
    ],
    ids=["daemon", "server", "host", "two racks"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_rule_5_only_a_dead_host_that_a_third_rack_finds_silent_is_called_dead(
    seed, loss, vlans, called_dead, database_dsn
):
    dead, wrong = live_through_a_loss(seed, database_dsn, loss, vlans=vlans)
    assert wrong == []
    assert [vlan for vlan in dead if vlan == 1] == called_dead


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["is gone", "hangs"])
@pytest.mark.parametrize("seed", range(1, 4))
def test_a_database_that_pauses_for_2_4_and_10_s_moves_nobody(seed, kind, database_dsn):
    outcome, changed = live_through_outages(seed, database_dsn, kind)
    assert outcome.wrong == ()
    assert changed == {}
