"""Where IPv6 addresses run short, in all or in the half of one rack, by what racks say."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from evenrack.model.dhcp_report import Ipv6Addresses, Ipv6Side
from evenrack.model.identifiers import VlanId
from evenrack.model.network6 import Range6, Subnet6
from evenrack.problems import CATALOGUE
from evenrack.region.leading.trouble_watch import TroubleWatch
from evenrack.region.troubles.pool6_troubles import ipv6_left, of_pool6
from evenrack.region.troubles.troubles import find_troubles
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving, with_relays

ONE, TWO = VlanId(1), VlanId(2)
PAIR = dhcp_fleet({1: (1, 2)}, pairs={1: (1, 2)}, services={1: (1, 2)})
AWAY = dhcp_fleet({1: (1, 2)}, pairs={1: (1, 2)}, services={1: (1, 2)}, away=(1,))
SINCE = datetime(2026, 5, 4, tzinfo=UTC)
HALVES = {1: "lower", 2: "upper"}
RANGE = Range6(id=1, first=IPv6Address("fd00:1::1"), last=IPv6Address("fd00:1::c8"))
NET = Subnet6(id=1, cidr=IPv6Network("fd00:1::/64"), ranges=(RANGE,))


def telling(free, fleet=PAIR, total=100, vlan=ONE, state="normal", net=NET, **more):
    """The fleet whose racks say how many of their half are free; None: they do not tell."""
    with_net = evolve(fleet.vlans[vlan], subnets6=(net,))
    fleet = serving(evolve(fleet, vlans={**fleet.vlans, vlan: with_net}), *free, state=state)
    reports = dict(fleet.dhcp_reports)
    for rack, count in free.items():
        report = reports[rack_id(rack)]
        (side,) = report.vlans
        told = () if count is None else (Ipv6Addresses(vlan=vlan, total=total, free=count),)
        ipv6 = Ipv6Side(half=HALVES[rack], running=True, addresses=told)
        ipv6 = evolve(ipv6, **more.get(f"rack{rack}", {}))
        reports[rack_id(rack)] = evolve(report, vlans=(evolve(side, ipv6=ipv6),))
    return evolve(fleet, dhcp_reports=reports)


def found(fleet, vlan=ONE):
    return [(trouble.code, trouble.affects) for trouble in of_pool6(fleet, fleet.vlans[vlan])]


def codes(fleet):
    return [code for code, _ in found(fleet)]


@pytest.mark.parametrize(
    ("free", "code"),
    [
        ((11, 11), []),
        ((12, 9), ["Ipv6HalfLow"]),
        ((11, 9), ["Ipv6PoolLow"]),
        ((0, 20), ["Ipv6PoolLow"]),
        ((0, 100), ["Ipv6HalfLow"]),
        ((10, 0), ["Ipv6PoolNearlyEmpty"]),
        ((0, 0), ["Ipv6PoolNearlyEmpty"]),
    ],
)
def test_ten_per_cent_of_all_or_of_a_half_are_low_and_five_of_all_are_nearly_none(free, code):
    fleet = telling(dict(enumerate(free, start=1)))
    assert codes(fleet) == code
    assert set(code) <= CATALOGUE.keys()


def test_it_says_how_many_each_rack_has_and_all_together():
    fleet = telling({1: 2, 2: 12})
    text = "vlan1: 14 of 200 IPv6 addresses are free (rack1: 2 of 100, rack2: 12 of 100)"
    assert found(fleet) == [("Ipv6PoolLow", text)]
    (trouble,) = [it for it in find_troubles(fleet) if it.code == "Ipv6PoolLow"]
    assert (trouble.object, trouble.affects) == ("vlan:vlan1", text)
    text = "vlan1: of its half of the IPv6 addresses rack2 has 3 of 100 free"
    assert found(telling({1: 60, 2: 3})) == [("Ipv6HalfLow", text)]


def test_of_very_many_it_counts_exactly_and_says_it_in_short():
    total = 2**63
    just, too_many = total // 10, total // 10 + 1
    one = dhcp_fleet({1: (1,)}, services={1: (1,)})
    assert codes(telling({1: too_many}, one, total=total)) == []
    text = "vlan1: 9.2e17 of 9.2e18 IPv6 addresses are free (rack1: 9.2e17 of 9.2e18)"
    assert found(telling({1: just}, one, total=total)) == [("Ipv6PoolLow", text)]


@pytest.mark.parametrize(
    "gone", [{"running": False}, {"held": True}], ids=["does not serve", "waits"]
)
def test_a_half_that_nobody_gives_away_now_does_not_count(gone):
    fleet = telling({1: 90, 2: 4}, rack1=gone)
    text = "vlan1: 4 of 100 IPv6 addresses are free (rack2: 4 of 100)"
    assert found(fleet) == [("Ipv6PoolNearlyEmpty", text)]
    assert ipv6_left(fleet, ONE) == Ipv6Addresses(vlan=ONE, total=100, free=4)


@pytest.mark.parametrize("state", ["communications-interrupted", "partner-down"])
def test_a_half_is_all_there_is_when_its_server_does_not_hear_that_of_the_lost_rack(state):
    assert codes(telling({1: 90, 2: 4}, AWAY, state=state)) == ["Ipv6PoolNearlyEmpty"]
    assert codes(telling({1: 0, 2: 90}, AWAY, state=state)) == []


@pytest.mark.parametrize(
    ("state", "seconds", "code"),
    [
        ("unknown", 59, []),
        ("unknown", 60, ["Ipv6PoolNearlyEmpty"]),
        ("normal", 600, []),
    ],
)
def test_where_no_server_tells_of_the_other_a_rack_is_gone_that_was_lost_for_a_minute(
    state, seconds, code
):
    fleet = telling({1: 90, 2: 4}, AWAY, state=state)
    lost = {("RackLost", f"rack:{rack_id(1)}"): SINCE}
    now = SINCE + timedelta(seconds=seconds)
    assert codes(evolve(fleet, open_problems=lost, read_at=now)) == code
    assert codes(evolve(fleet, read_at=now)) == []


@pytest.mark.parametrize(
    "fleet",
    [
        telling({1: 4, 2: 4}, AWAY),
        telling({1: None, 2: 4}),
        serving(telling({1: 4, 2: 4}), 1),
    ],
    ids=["away", "not counted", "not looked"],
)
def test_while_one_rack_does_not_tell_what_is_open_stays_so_and_nothing_is_found(fleet):
    assert ipv6_left(fleet, ONE) is None
    assert codes(fleet) == []
    for code in ("Ipv6PoolNearlyEmpty", "Ipv6PoolLow", "Ipv6HalfLow"):
        problems = {(code, "vlan:vlan1"): SINCE, (code, "vlan:other"): SINCE}
        (trouble,) = of_pool6(evolve(fleet, open_problems=problems), fleet.vlans[ONE])
        assert (trouble.code, trouble.object) == (code, "vlan:vlan1")
        assert trouble.affects == "vlan1: as counted before; not every rack tells now what is left"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(5, 90, "Ipv6HalfLow"), (8, 8, "Ipv6PoolLow"), (2, 2, "Ipv6PoolNearlyEmpty"), (90, 90, None)],
)
def test_a_rack_daemon_that_restarts_opens_and_closes_nothing(first, second, code):
    whole = telling({1: first, 2: second})
    away = telling({1: first, 2: second}, AWAY)
    clock, told, opened = Clock(), [], {}
    watch = TroubleWatch(clock)
    steps = [(8, whole), (20, away), (1, serving(whole, 1)), (12, telling({1: None, 2: second}))]
    for seconds, fleet in [*steps, (8, whole)]:
        for _ in range(seconds):
            new, over = watch.changes(evolve(fleet, open_problems=dict(opened)))
            opened.update({(it.code, it.object): SINCE for it in new})
            told += [it.code for it in new if it.code.startswith("Ipv6")]
            told += [f"{gone} is over" for gone, _ in over if gone.startswith("Ipv6")]
            for key in over:
                del opened[key]
            clock.advance(1)
    assert told == ([] if code is None else [code])


@pytest.mark.parametrize(
    "net", [evolve(NET, ranges=()), evolve(NET, allow_unknown=False)], ids=["no range", "known"]
)
def test_what_is_open_is_over_when_nothing_is_given_to_whoever_asks_any_more(net):
    problems = {("Ipv6PoolLow", "vlan:vlan1"): SINCE}
    fleet = evolve(telling({1: None, 2: None}, net=net), open_problems=problems)
    assert codes(fleet) == []


@pytest.mark.parametrize(
    "fleet",
    [
        telling({}, dhcp_fleet({1: (1, 2)})),
        serving(PAIR, 1, 2),
        telling({1: 0, 2: 0}, total=0),
        telling({1: 0}, dhcp_fleet({1: (1,)}, services={1: (1,)}, off=(1,))),
        telling({1: 0}, dhcp_fleet({1: (1,)}, services={1: (1,)}, away=(1,))),
    ],
    ids=["nobody serves", "no IPv6", "no range", "DHCP off", "rack lost"],
)
def test_where_there_is_nothing_to_give_away_nothing_is_said(fleet):
    assert codes(fleet) == []


def test_the_addresses_of_a_relayed_vlan_run_short_by_themselves():
    fleet = dhcp_fleet({1: (1, 2), 2: ()}, pairs={1: (1, 2)}, services={1: (1, 2)})
    fleet = telling({1: 5, 2: 5}, with_relays(fleet, {2: 1}), vlan=TWO)
    assert [code for code, _ in found(fleet, TWO)] == ["Ipv6PoolNearlyEmpty"]
    assert found(fleet, ONE) == []


def test_a_client_more_or_less_opens_and_closes_nothing():
    told, now = [], []
    for free in (11, 10, 11, 12, 13, 12, 10, 5, 6, 7, 8, 13):
        problems = {(code, "vlan:vlan1"): SINCE for code in now}
        now = codes(evolve(telling({1: free, 2: free}), open_problems=problems))
        told += [(free, *now)] if not told or list(told[-1][1:]) != now else []
    assert told == [
        (11,),
        (10, "Ipv6PoolLow"),
        (13,),
        (10, "Ipv6PoolLow"),
        (5, "Ipv6PoolNearlyEmpty"),
        (8, "Ipv6PoolLow"),
        (13,),
    ]
