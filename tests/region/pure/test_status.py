"""The status JSON: states, counts, problems, and what would be lost with one part more."""

import json
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given

from evenrack.model.intents import Drain
from evenrack.problems import CATALOGUE
from evenrack.region.views.status import problems_of, status_of, survives
from tests.strategies import fleet_of, fleets, rack_named, running

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO, THREE = (running(name) for name in ("region1/1", "region1/2", "region2/1"))
RACK, OTHER = rack_named("rack0001"), rack_named("rack0002")
LINKS = [(r.id, p.id) for r in (RACK, OTHER) for p in (ONE, TWO, THREE)]
WELL = fleet_of(
    [ONE, TWO, THREE],
    [RACK, OTHER],
    links=LINKS,
    managing={RACK.id: ONE.id, OTHER.id: THREE.id},
    holder=THREE.id,
)
STATES = {"running", "degraded", "dead", "off"}


def status(fleet=WELL, problem=None):
    return status_of(fleet, database_problem=problem, now=NOW)


def region(found, name):
    return next(region for region in found["regions"] if region["id"] == name)


def states(found):
    return {r["id"]: r["state"] for r in [*found["regions"], *found["racks"]]}


def test_a_fleet_that_is_well_is_shown_with_all_its_numbers():
    assert status() == {
        "generation": 7,
        "era": 3,
        "leader": "region2/1",
        "database": {"state": "ok", "detail": ""},
        "problems": [],
        "survives": {"yes": True, "not": []},
        "regions": [
            {
                "id": "region1",
                "hostname": "region1.example.com",
                "state": "running",
                "racks_managed": 1,
                "processes": [process("region1/1", managed=1), process("region1/2", managed=0)],
            },
            {
                "id": "region2",
                "hostname": "region2.example.com",
                "state": "running",
                "racks_managed": 1,
                "processes": [process("region2/1", managed=1)],
            },
        ],
        "racks": [rack("rack0001", "region1/1"), rack("rack0002", "region2/1")],
    }


def process(name, *, managed):
    return {
        "id": name,
        "pid": 1,
        "state": "running",
        "racks_managed": managed,
        "connections": 2,
        "clock_ahead": None,
    }


def rack(name, manager):
    return {
        "id": name,
        "hostname": f"{name}.example.com",
        "failure_domain": "",
        "state": "running",
        "connections": 3,
        "processes_connected": 3,
        "processes_live": 3,
        "managed_by": manager,
        "vlans_primary": [],
        "vlans_secondary": [],
        "addresses": [],
        "applied_generation": "3.7",
    }


def test_m7_two_links_to_one_process_are_two_connections_and_one_process():
    fleet = evolve(WELL, links=(*WELL.links, next(iter(WELL.links))._replace(id="another")))
    shown = status(fleet)["racks"][0]
    assert (shown["connections"], shown["processes_connected"]) == (4, 3)


def test_a_rack_that_misses_a_link_and_the_process_it_misses_are_degraded():
    found = status(evolve(WELL, links=tuple(WELL.links)[1:]))
    assert states(found) == {
        "region1": "degraded",
        "region2": "running",
        "rack0001": "degraded",
        "rack0002": "running",
    }


def test_a_lost_rack_is_dead_one_that_was_stopped_is_off_and_no_region_suffers():
    links = tuple(link for link in WELL.links if link.rack != RACK.id)
    lost = evolve(WELL, links=links)
    assert states(status(lost))["rack0001"] == "dead"
    assert states(status(lost))["region1"] == "running"
    off = evolve(lost, racks={**WELL.racks, RACK.id: evolve(RACK, stopped=True)})
    assert states(status(off))["rack0001"] == "off"


def test_what_is_drained_or_is_being_stopped_is_draining_as_long_as_it_runs():
    since = {"message": "", "who": "anna", "since": EARLIER}
    rack = Drain(kind="rack", id=RACK.id, **since)
    region = Drain(kind="region", id="region1", **since)
    found = status(evolve(WELL, drains=(rack, region)))
    assert states(found) == {
        "region1": "draining",
        "region2": "running",
        "rack0001": "draining",
        "rack0002": "running",
    }
    dead = evolve(WELL, processes={**WELL.processes, TWO.id: evolve(TWO, state="dead")})
    assert states(status(evolve(dead, drains=(region,))))["region1"] == "degraded"
    leaving = evolve(WELL, processes={**WELL.processes, THREE.id: evolve(THREE, leaving=True)})
    assert states(status(leaving))["region2"] == "draining"
    lost = evolve(WELL, drains=(rack,), links=())
    assert states(status(lost))["rack0001"] == "dead"


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("running", "dead", "degraded"),
        ("running", "off", "degraded"),
        ("dead", "dead", "dead"),
        ("off", "off", "off"),
        ("off", "dead", "dead"),
    ],
)
def test_a_region_host_is_what_its_processes_are(first, second, shown):
    processes = [evolve(ONE, state=first), evolve(TWO, state=second), THREE]
    live = {p.id for p in processes if p.state == "running"}
    links = [(rack, name) for rack, name in LINKS if name in live]
    found = status(fleet_of(processes, [RACK, OTHER], links=links, holder=THREE.id))
    assert states(found)["region1"] == shown
    assert states(found)["rack0001"] == "running"


def test_a_leader_that_is_not_alive_is_none():
    assert status(evolve(WELL, leadership=evolve(WELL.leadership, holder=None)))["leader"] is None
    dead = fleet_of([evolve(THREE, state="dead"), ONE], [], holder=THREE.id)
    assert status(dead)["leader"] is None


def test_without_a_database_the_last_known_fleet_is_shown_and_the_problem_first():
    found = status(problem="connection refused")
    assert found["database"] == {"state": "unreachable", "detail": "connection refused"}
    (problem,) = found["problems"]
    assert problem["code"] == "DatabaseUnreachable"
    assert problem["affects"] == "connection refused"
    assert len(found["racks"]) == 2


def test_problems_are_shown_since_when_they_were_recorded_the_worst_first():
    fleet = evolve(
        WELL,
        links=tuple(WELL.links)[1:3],
        open_problems={
            ("RackPartlyConnected", "rack:rack0001"): EARLIER,
            ("RackLost", "rack:rack0002"): EARLIER,
        },
    )
    shown = problems_of(fleet, now=NOW)
    assert [p["code"] for p in shown] == ["RackLost", "RackPartlyConnected"]
    assert {p["since"] for p in shown} == {"2026-01-01T00:00:00.000Z"}
    assert shown[0]["do"] == CATALOGUE["RackLost"].do


def test_what_is_wrong_only_for_a_moment_is_not_shown():
    assert problems_of(evolve(WELL, managing={}), now=NOW) == []


def test_that_nobody_leads_is_shown_though_nobody_is_there_to_record_it():
    fleet = evolve(WELL, leadership=evolve(WELL.leadership, holder=None))
    (problem,) = problems_of(fleet, now=NOW)
    assert (problem["code"], problem["object"]) == ("NoLeader", "leader")


def test_a_recorded_problem_that_is_over_is_not_shown():
    fleet = evolve(WELL, open_problems={("RackLost", "rack:rack0001"): EARLIER})
    assert problems_of(fleet, now=NOW) == []


def test_every_rack_survives_the_loss_of_one_process_when_it_has_two_on_two_hosts():
    links = [(RACK.id, ONE.id), (RACK.id, THREE.id)]
    assert survives(fleet_of([ONE, TWO, THREE], [RACK], links=links)) == {"yes": True, "not": []}


def test_a_rack_with_one_process_hangs_on_it_and_on_its_host():
    links = [(RACK.id, ONE.id)]
    assert survives(fleet_of([ONE, THREE], [RACK], links=links)) == {
        "yes": False,
        "not": [
            {"part": "process:region1/1", "why": "1 rack would have no region"},
            {"part": "region:region1", "why": "1 rack would have no region"},
        ],
    }


def test_racks_with_two_processes_on_one_host_hang_on_that_host():
    links = [(r.id, p.id) for r in (RACK, OTHER) for p in (ONE, TWO)]
    found = survives(fleet_of([ONE, TWO, THREE], [RACK, OTHER], links=links))
    assert found["not"] == [{"part": "region:region1", "why": "2 racks would have no region"}]


@given(fleets())
def test_whatever_the_fleet_is_like_its_status_is_json_with_known_states_and_true_sums(fleet):
    found = status_of(fleet, database_problem=None, now=NOW)
    assert json.loads(json.dumps(found)) == found
    assert {c["state"] for c in [*found["regions"], *found["racks"]]} <= STATES
    processes = [p for region in found["regions"] for p in region["processes"]]
    assert sum(p["connections"] for p in processes) == len(fleet.links)
    assert sum(r["connections"] for r in found["racks"]) == len(fleet.links)
    managed = sum(1 for r in found["racks"] if r["managed_by"])
    assert sum(p["racks_managed"] for p in processes) == managed
    assert sum(region["racks_managed"] for region in found["regions"]) == managed


@given(fleets())
def test_survives_says_no_exactly_when_the_loss_of_one_part_would_cut_a_rack_off(fleet):
    connected = [set(reach) for reach in fleet.reach.values() if reach]
    cut_off = {
        f"process:{name}": sum(reach <= {name} for reach in connected) for name in fleet.live
    } | {
        f"region:{host}": sum(
            reach <= {p.id for p in fleet.processes.values() if p.region == host}
            for reach in connected
        )
        for host in fleet.regions
    }
    expected = {part for part, count in cut_off.items() if count}
    assert {entry["part"] for entry in survives(fleet)["not"]} == expected
