"""The questions of the drill can say no: each is shown a fleet with the promise broken."""

from pathlib import Path

import pytest

from evenrack.lab.drill.kernel_links import Link, links, parse_sockets, region_ends
from evenrack.lab.drill.sight import Sight, miscounted, need, uneven, uneven_hosts, unserved
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import OnLoopback

FLEET = lay_out(Path("/lab"), OnLoopback(number=1), Size(region_hosts=2, processes=1, racks=2))
PIDS = {"region1/1": 11, "region2/1": 12, "rack1/rackd": 21, "rack2/rackd": 22}
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 01014D7F:1483 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0
   1: 01014D7F:1483 0100007F:0FA1 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0
   2: 0100007F:0FA1 01014D7F:1483 01 00000000:00000000 00:00000000 00000000     0        0 201 1 0
   3: 02014D7F:1483 0100007F:0FA2 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0
   4: 0100007F:0FA2 02014D7F:1483 01 00000000:00000000 00:00000000 00000000     0        0 202 1 0
   5: 01014D7F:1483 0100007F:0FA3 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0
   6: 0100007F:0FA3 01014D7F:1483 01 00000000:00000000 00:00000000 00000000     0        0 203 1 0
   7: 0100007F:0FA4 01014D7F:1483 01 00000000:00000000 00:00000000 00000000     0        0 204 1 0
   8: 01014D7F:1478 0100007F:0FA5 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0
   9: 0100007F:0016 0100007F:0FA6 01 00000000:00000000 00:00000000 00000000     0        0 300 1 0
  10: 01014D7F:1483 0100007F:0FA7 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
"""
"""Of a little-endian machine: 127.77.1.1:5251 and 127.77.1.2:5251 listen, or are called."""
HOLDERS = {
    "101": [11],
    "102": [12],
    "103": [11],
    "104": [11],
    "201": [21],
    "202": [21],
    "203": [22],
    "204": [22],
}


def sight(**changes):
    parts = {"managers": {"rack1": "region1/1", "rack2": "region1/1"}, "printed": (2, 1)}
    parts |= {"dead": (), "printed_managed": (2, 0), "printed_rack1": 2} | changes
    sockets = list(parse_sockets(TABLE, HOLDERS))
    names = ("region1/1", "region2/1")
    processes = [
        {"id": name, "connections": connections, "racks_managed": managed}
        for name, connections, managed in zip(
            names, parts["printed"], parts["printed_managed"], strict=True
        )
    ]
    racks = [
        {"hostname": rack, "managed_by": manager, "connections": connections}
        for (rack, manager), connections in zip(
            parts["managers"].items(), (parts["printed_rack1"], 1), strict=False
        )
    ]
    return Sight(
        status={"regions": [{"processes": processes}], "racks": racks},
        links=links(sockets, FLEET, PIDS),
        held=region_ends(sockets, FLEET, PIDS),
        alive=frozenset(PIDS) - set(parts["dead"]),
    )


def test_only_connections_that_both_ends_hold_are_links():
    assert sorted(sight().links) == [
        Link("rack1/rackd", "region1/1"),
        Link("rack1/rackd", "region2/1"),
        Link("rack2/rackd", "region1/1"),
    ]
    assert sight().held == {"region1/1": 2, "region2/1": 1}
    assert sight().connected_to("rack1/rackd") == ["region1/1", "region2/1"]


def test_a_fleet_that_is_served_and_counted_right_is_fine():
    assert unserved(sight()) is None
    assert miscounted(sight()) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"managers": {"rack1": None, "rack2": "region1/1"}}, "rack1 is managed by nobody"),
        ({"managers": {"rack2": "region1/1"}}, "rack1 is managed by nobody"),
        ({"dead": ("region1/1",)}, "rack1 is still managed by region1/1"),
        (
            {"managers": {"rack1": "region1/1", "rack2": "region2/1"}},
            "rack2 is managed by region2/1, to which it has no connection",
        ),
    ],
)
def test_a_rack_that_is_not_served_is_seen(changes, said):
    assert said in unserved(sight(**changes))


def test_a_rack_whose_daemon_does_not_run_needs_nobody():
    changes = {"managers": {"rack1": None, "rack2": "region1/1"}, "dead": ("rack1/rackd",)}
    assert unserved(sight(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"printed": (3, 1)}, "region1/1 holds 2 connections, 3 printed"),
        ({"printed_rack1": 1}, "rack1 holds 2 connections, 1 printed"),
        ({"printed_managed": (1, 0)}, "region1/1 manages 2 racks, 1 printed"),
    ],
)
def test_a_wrong_count_is_seen(changes, said):
    assert miscounted(sight(**changes)) == said


def test_a_gap_of_two_is_uneven_and_a_gap_of_one_is_not():
    assert "outside the band" in uneven(sight())
    assert "region1 manages 2 racks and region2 manages 0" in uneven_hosts(sight())
    even = {"managers": {"rack1": "region1/1", "rack2": "region2/1"}}
    assert uneven(sight(**even)) is None
    assert uneven_hosts(sight(**even)) is None
    assert uneven_hosts(sight(dead=("region2/1",))) is None  # one host alone
    alone = {"managers": {"rack1": None, "rack2": "region1/1"}}
    assert uneven(sight(**alone)) is None


def test_the_band_grows_with_the_load():
    assert [need(load) for load in (0, 1, 10, 20, 100)] == [2, 3, 12, 23, 111]


def test_without_any_process_nothing_is_even():
    assert uneven(sight(dead=("region1/1", "region2/1"))) == "no region process runs"
