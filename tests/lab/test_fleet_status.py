"""When a fleet is live, and what is said while it is not."""

from pathlib import Path

import pytest

from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.fleet_status import what_is_missing
from evenrack.lab.hosts import OnLoopback

FLEET = lay_out(Path("/lab"), OnLoopback(number=1), Size(region_hosts=1, processes=2, racks=1))


def status(
    *,
    states=("running", "running"),
    leader="region1/1",
    connected=2,
    connections=2,
    managed="region1/2",
):
    processes = [
        {"id": f"region1/{number}", "state": state} for number, state in enumerate(states, start=1)
    ]
    return {
        "leader": leader,
        "regions": [{"processes": processes}],
        "racks": [
            {
                "hostname": "rack1",
                "processes_connected": connected,
                "connections": connections,
                "managed_by": managed,
            }
        ],
    }


def test_a_live_fleet_lacks_nothing():
    assert what_is_missing(FLEET, status()) is None
    assert what_is_missing(FLEET, status(states=("running", "degraded"))) is None


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "no region process answers"),
        (status(states=("running",)), "not running yet: region1/2"),
        (status(states=("running", "dead")), "not running yet: region1/2"),
        (status(leader=None), "nobody leads"),
        (status(leader="region1/9"), "nobody leads"),
        (status(connected=1), "rack1 is connected to 1 of 2 region processes"),
        (status(managed=None), "rack1 is not managed"),
        ({**status(), "racks": []}, "rack1 has not connected"),
    ],
)
def test_what_is_missing_is_said(seen, said):
    assert said in what_is_missing(FLEET, seen)


def test_what_is_known_to_be_down_is_not_missed():
    seen = status(states=("running", "dead"), connected=1, managed="region1/1")
    assert what_is_missing(FLEET, seen, ["region1/2", "postgres"]) is None
    assert "still counted" in what_is_missing(FLEET, status(), ["region1/2"])
    assert what_is_missing(FLEET, {**status(), "racks": []}, ["rack1/rackd"]) is None
    assert "rack1 is still counted" in what_is_missing(FLEET, status(), ["rack1/rackd"])
    assert what_is_missing(FLEET, status(connections=0), ["rack1/rackd"]) is None
