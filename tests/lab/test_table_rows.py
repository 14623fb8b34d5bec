"""P24: what the drill compares of PostgreSQL's rows and of what a process tells."""

import pytest

from evenrack.lab.drill.fleet.table_rows import difference, rows_of, told_tables

ROWS = {
    "connections": [["rack2", "region1/1"], ["rack1", "region1/2"], ["rack1", "region1/1"]],
    "managing": [["rack1", "region1/2"], ["rack2", "region1/2"]],
    "bmc_owners": [["b1", "rack1"]],
    "designations": [["vlan1", "rack1", "rack2"], ["vlan2", "rack2", None]],
}


def told(*, connections=(2, 1), manager="region1/2", owner="rack1", secondary="rack2"):
    rack1, rack2 = connections
    status = {
        "racks": [
            {"hostname": "rack1", "connections": rack1, "managed_by": manager},
            {"hostname": "rack2", "connections": rack2, "managed_by": None},
            {"hostname": "rack3", "connections": 0, "managed_by": None},
        ],
        "regions": [
            {"processes": [{"id": "region1/1", "connections": 2}]},
            {
                "processes": [
                    {"id": "region1/2", "connections": 1},
                    {"id": "region2/1", "connections": 0},
                ]
            },
        ],
    }
    bmcs = [{"name": "b1", "owner": owner}, {"name": "b2", "owner": None}]
    vlans = [
        {"vlan": "vlan1", "primary_rack": "rack1", "secondary_rack": secondary},
        {"vlan": "vlan2", "primary_rack": "rack2", "secondary_rack": None},
        {"vlan": "vlan3", "primary_rack": None, "secondary_rack": None},
    ]
    return told_tables(status, bmcs, vlans)


def test_p24_a_rack_that_is_not_connected_to_its_process_is_managed_by_nobody():
    rows = rows_of(ROWS)
    assert rows.connections[0] == ("rack1", "region1/1")
    assert rows.tables().managers == {"rack1": "region1/2"}


@pytest.mark.parametrize(
    ("unlike", "said"),
    [
        ({}, None),
        ({"connections": (2, 2)}, "connections of racks: rack2 2, the rows say 1"),
        ({"connections": (0, 1)}, "connections of racks: rack1 nothing, the rows say 2"),
        ({"manager": "region1/1"}, "managers: rack1 region1/1, the rows say region1/2"),
        ({"manager": None}, "managers: rack1 nothing, the rows say region1/2"),
        ({"owner": "rack2"}, "bmc owners: b1 rack2, the rows say rack1"),
        (
            {"secondary": None},
            "designations: vlan1 rack1 and nothing, the rows say rack1 and rack2",
        ),
    ],
)
def test_p24_what_a_process_tells_unlike_the_rows_is_seen(unlike, said):
    assert difference(told(**unlike), rows_of(ROWS).tables()) == said
