"""Where the addresses of a VLAN run short, by what its racks say."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import AddressCount, RelayedAddresses
from evenrack.model.identifiers import VlanId
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.pool_troubles import of_pool
from evenrack.region.troubles.troubles import find_troubles
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving, with_relays

PAIR = dhcp_fleet({1: (1, 2)}, pairs={1: (1, 2)}, services={1: (1, 2)})
SINCE = datetime(2026, 5, 4, tzinfo=UTC)


def telling(counts, fleet=PAIR, states=("normal", "normal"), total=100):
    """The fleet whose racks say (free, backup) of their one VLAN; None: they do not tell."""
    fleet = serving(fleet, *counts)
    reports = dict(fleet.dhcp_reports)
    for rack, count in counts.items():
        report = reports[rack_id(rack)]
        (side,) = report.vlans
        told = count and AddressCount(total=total, free=count[0], backup=count[1])
        state = side.state if side.peer is None else states[rack - 1]
        sides = (evolve(side, addresses=told, state=state),)
        reports[rack_id(rack)] = evolve(report, vlans=sides)
    return evolve(fleet, dhcp_reports=reports)


def found(fleet):
    (vlan,) = fleet.vlans.values()
    return [(trouble.code, trouble.affects) for trouble in of_pool(fleet, vlan)]


def codes(fleet):
    return [code for code, _ in found(fleet)]


@pytest.mark.parametrize(
    ("free", "code"), [(11, []), (10, ["PoolLow"]), (5, ["PoolNearlyEmpty"]), (None, [])]
)
def test_the_addresses_of_a_relayed_vlan_run_short_by_themselves(free, code):
    fleet = dhcp_fleet({1: (1, 2), 2: ()}, pairs={1: (1, 2)}, services={1: (1, 2)})
    fleet = serving(with_relays(fleet, {2: 1}), 1, 2)
    many = AddressCount(total=100, free=100)
    few = () if free is None else (AddressCount(total=100, free=free),)
    left = tuple(RelayedAddresses(vlan=VlanId(2), addresses=count) for count in few)
    reports = {
        rack: evolve(
            told,
            vlans=[evolve(it, addresses=many, relayed_addresses=left) for it in told.vlans],
        )
        for rack, told in fleet.dhcp_reports.items()
    }
    here, far = evolve(fleet, dhcp_reports=reports).vlans.values()
    fleet = evolve(fleet, dhcp_reports=reports)
    assert [trouble.code for trouble in of_pool(fleet, far)] == code
    assert of_pool(fleet, here) == []


@pytest.mark.parametrize(
    ("free", "backup", "code"),
    [
        (6, 5, []),
        (5, 5, ["PoolLow"]),
        (6, 0, ["PoolLow"]),
        (0, 5, ["PoolNearlyEmpty"]),
        (0, 0, ["PoolNearlyEmpty"]),
    ],
)
def test_ten_per_cent_are_low_and_five_are_nearly_none(free, backup, code):
    assert codes(telling({1: (free, backup), 2: (free, backup)})) == code
    assert codes(telling({1: (free, backup), 2: None})) == code
    assert set(code) <= CATALOGUE.keys()


def test_it_says_how_many_are_left_as_the_more_careful_rack_counts():
    fleet = telling({1: (5, 4), 2: (3, 4)})
    assert found(fleet) == [("PoolLow", "vlan1: 7 of 100 addresses are free")]
    (trouble,) = [it for it in find_troubles(fleet) if it.code == "PoolLow"]
    assert trouble.object == "vlan:vlan1"


def test_a_server_that_does_not_hear_the_other_gives_away_its_half_only():
    alone = ("communications-interrupted", "communications-interrupted")
    lost = dhcp_fleet({1: (1, 2)}, services={1: (1, 2)}, away=(1,))
    fleet = telling({1: (60, 40), 2: (60, 4)}, lost, alone)
    assert found(fleet) == [("PoolNearlyEmpty", "vlan1: 4 of 100 addresses are free")]
    assert codes(telling({1: (60, 40), 2: (60, 4)}, lost, ("normal", "partner-down"))) == []
    both = telling({1: (4, 50), 2: (50, 4)}, states=alone)
    assert found(both) == [("PoolLow", "vlan1: 8 of 100 addresses are free")]
    one_was_told_first = telling({1: (4, 50), 2: (50, 4)}, states=(alone[0], "normal"))
    assert codes(one_was_told_first) == []


@pytest.mark.parametrize(
    "fleet",
    [
        telling({1: None, 2: None}),
        telling({1: (0, 0), 2: (0, 0)}, total=0),
        telling({}, dhcp_fleet({1: (1, 2)})),
        telling({1: (0, 0)}, dhcp_fleet({1: (1,)}, services={1: (1,)}, off=(1,))),
        telling({1: (0, 0)}, dhcp_fleet({1: (1,)}, services={1: (1,)}, away=(1,))),
    ],
    ids=["not told", "no range", "nobody serves", "DHCP off", "rack lost"],
)
def test_where_nobody_counts_nothing_is_said(fleet):
    assert codes(fleet) == []


def test_a_client_more_or_less_opens_and_closes_nothing():
    told, found = [], []
    for free in (11, 10, 11, 12, 13, 12, 11, 10, 5, 6, 7, 8, 12, 13):
        problems = {(code, "vlan:vlan1"): SINCE for code in found}
        found = codes(evolve(telling({1: (free, 0), 2: (free, 0)}), open_problems=problems))
        told += [(free, *found)] if not told or list(told[-1][1:]) != found else []
    assert told == [
        (11,),
        (10, "PoolLow"),
        (13,),
        (10, "PoolLow"),
        (5, "PoolNearlyEmpty"),
        (8, "PoolLow"),
        (13,),
    ]
