"""The leases of a VLAN from two files: the newer entry of each, and who knows it."""

from ipaddress import IPv4Address

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_lease import DhcpLease, LeasePage, place_of
from evenrack.region.views.lease_merging import lease_row, merged, newest
from tests.strategies_leases import lease_lists_of_both as lease_lists

ADDRESS = IPv4Address("10.1.0.100")
LEASE = DhcpLease(address=ADDRESS, state="active", starts=100, ends=700, heard=100)


def paged(rack, after, length):
    """What a rack with these leases answers, so many at once."""
    left = tuple(it for it in rack if after is None or place_of(it.address) > place_of(after))
    return LeasePage(leases=left[:length], more=len(left) > length)


def all_of(first, second, length):
    found, after = [], None
    while True:
        told = merged({"a": paged(first, after, length), "b": paged(second, after, length)})
        found += told.leases
        after = told.told_up_to
        if after is None:
            return tuple(found)


@given(lease_lists, lease_lists, st.integers(1, 4))
def test_page_by_page_the_same_is_found_as_at_once(first, second, length):
    at_once = merged({"a": LeasePage(leases=first), "b": LeasePage(leases=second)})
    assert at_once.told_up_to is None
    assert all_of(first, second, length) == at_once.leases
    addresses = [it.lease.address for it in at_once.leases]
    assert addresses == sorted({it.address for it in (*first, *second)}, key=place_of)


@given(lease_lists, lease_lists)
def test_each_address_names_exactly_the_racks_that_know_it(first, second):
    known = {"a": {it.address for it in first}, "b": {it.address for it in second}}
    told = merged({"a": LeasePage(leases=first), "b": LeasePage(leases=second)})
    for each in told.leases:
        assert set(each.racks) == {r for r, has in known.items() if each.lease.address in has}


def test_the_entry_of_the_later_request_is_shown():
    renewed = evolve(LEASE, starts=400, ends=1000, heard=400)
    for before in (LEASE, evolve(LEASE, state="expired")):
        assert newest(before, renewed) == newest(renewed, before) == renewed


def test_of_one_request_the_end_comes_after_the_beginning():
    over = evolve(LEASE, state="released")
    assert newest(LEASE, over) == newest(over, LEASE) == over


def test_of_equals_the_one_of_the_first_rack_is_shown():
    told = merged(
        {
            "a": LeasePage(leases=(evolve(LEASE, hostname="a"),)),
            "b": LeasePage(leases=(evolve(LEASE, hostname="b"),)),
        }
    )
    assert [(it.lease.hostname, it.racks) for it in told.leases] == [("a", ("a", "b"))]


def test_a_row_has_times_that_people_can_read():
    (known,) = merged({"a": LeasePage(leases=(evolve(LEASE, ends=None, never_ends=True),))}).leases
    assert lease_row(known, {"a": "rack1"}) == {
        "address": "10.1.0.100",
        "state": "active",
        "mac": None,
        "duid": None,
        "iaid": None,
        "hostname": None,
        "vendor_class": None,
        "starts": "1970-01-01T00:01:40+00:00",
        "ends": None,
        "never_ends": True,
        "racks": ["rack1"],
    }
