"""Listing leases over many pages: as many as wanted, each once, whoever falls silent."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from evenrack.errors import NotTold, NotUnderstood
from evenrack.model.dhcp_lease import DhcpLease, LeasePage, place_of
from evenrack.model.identifiers import RackId
from evenrack.model.network6 import Subnet6
from evenrack.region.views.lease_listing import MOST_ROUNDS, NO_IPV6, LeaseListing
from tests.dhcp_fleet import rack_id, vlan_of
from tests.strategies_leases import lease_lists
from tests.wire.both_ends import Outcome

NONE = IPv4Address(0)
NAMES = {rack_id(1): "rack1", rack_id(2): "rack2"}


class Racks:
    """Racks that tell so many leases at once, each so many times until it falls silent."""

    def __init__(self, *known, length, rounds=None, older=()):
        self.known = dict(zip(NAMES, known, strict=True))
        self.length = length
        self.left = dict(rounds or {})
        self.asked = []
        self.older = older

    async def ask(self, rack: RackId, asked):
        self.asked.append((rack, asked))
        if rack in self.left:
            self.left[rack] -= 1
            if self.left[rack] < 0:
                raise NotTold("it fell silent")
        after = asked.after
        if rack in self.older and {it.version for it in (*asked.networks, after or NONE)} != {4}:
            raise NotUnderstood("it is older")
        left = tuple(
            it for it in self.known[rack] if after is None or place_of(it.address) > place_of(after)
        )
        return LeasePage(leases=left[: self.length], more=len(left) > self.length)


def listing_of(racks, *, every_state=True, vlan=None):
    vlan = vlan or vlan_of(1)
    return LeaseListing(sides=NAMES, vlan=vlan, ask=racks.ask, every_state=every_state)


def read(listing, after=None, limit=1_000):
    found, goes_on_after = Outcome(Deferred.fromCoroutine(listing.read(after, limit))).value()
    return [it.lease for it in found], goes_on_after


def leases(count, state="free"):
    return [DhcpLease(address=IPv4Address(it), state=state) for it in range(1, count + 1)]


@given(lease_lists, lease_lists, st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_answer_by_answer_the_same_is_listed_as_at_once(one, two, length, limit, every_state):
    at_once, end = read(listing_of(Racks(one, two, length=99), every_state=every_state))
    assert end is None
    found, after = [], None
    while True:
        listing = listing_of(Racks(one, two, length=length), every_state=every_state)
        some, after = read(listing, after, limit)
        assert len(some) <= limit
        found += some
        if after is None:
            break
    assert found == at_once
    assert every_state or {it.state for it in found} <= {"active"}


def test_only_the_networks_of_the_vlan_are_asked_about():
    racks = Racks((), (), length=9)
    assert read(listing_of(racks)) == ([], None)
    assert {asked.networks for _, asked in racks.asked} == {(vlan_of(1).subnets[0].cidr,)}


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_rack_that_fell_silent_is_named_and_asked_no_more(rounds):
    racks = Racks(leases(9), leases(9), length=2, rounds={rack_id(2): rounds})
    listing = listing_of(racks)
    assert read(listing) == (leases(9), None)
    assert listing.told() == [
        {"rack": "rack1", "told": True, "why": None},
        {"rack": "rack2", "told": False, "why": "it fell silent"},
    ]
    assert [rack for rack, _ in racks.asked].count(rack_id(2)) == rounds + 1


@pytest.mark.parametrize("after", [None, IPv4Address(2), IPv6Address("2001:db8::1")])
def test_a_rack_that_knows_no_ipv6_tells_its_leases_of_ipv4_and_that_it_is_older(after):
    subnets6 = (Subnet6(id=1, cidr=IPv6Network("2001:db8::/64")),)
    of_ipv6 = [DhcpLease(address=IPv6Address(f"2001:db8::{n}"), state="free") for n in range(1, 6)]
    every = leases(5) + of_ipv6
    racks = Racks(every, leases(9), length=2, older={rack_id(2)})
    listing = listing_of(racks, vlan=evolve(vlan_of(1), subnets6=subnets6))
    told = leases(9) + of_ipv6
    rest = [it for it in told if after is None or place_of(it.address) > place_of(after)]
    assert read(listing, after) == (rest, None)
    assert listing.told() == [
        {"rack": "rack1", "told": True, "why": None},
        {"rack": "rack2", "told": False, "why": NO_IPV6},
    ]
    mixed = [it for rack, it in racks.asked if rack == rack_id(2) and len(it.networks) > 1]
    assert len(mixed) == 1, "what it cannot read it is asked once"


def test_a_rack_that_cannot_read_even_a_question_about_ipv4_is_asked_no_more():
    racks = Racks((), (), length=9)

    async def ask(rack, asked):
        racks.asked.append(rack)
        raise NotUnderstood("it is much older")

    racks.ask = ask
    listing = listing_of(racks)
    assert read(listing) == ([], None)
    assert [each["why"] for each in listing.told()] == ["it is much older"] * 2
    assert racks.asked == [*NAMES]


def test_a_long_search_ends_and_says_where_to_go_on():
    racks = Racks(leases(MOST_ROUNDS * 2 + 2), (), length=2)
    found, after = read(listing_of(racks, every_state=False))
    assert (found, after) == ([], IPv4Address(MOST_ROUNDS * 2))
    assert read(listing_of(racks, every_state=False), after) == ([], None)


def test_none_may_be_wanted():
    racks = Racks(leases(3), (), length=9)
    assert read(listing_of(racks), limit=0) == ([], IPv4Address(0))
    assert read(listing_of(racks), IPv4Address(2), limit=0) == ([], IPv4Address(2))
