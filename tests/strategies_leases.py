"""Hypothesis strategies for leases, questions for them and answers."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import get_args

from hypothesis import strategies as st

from evenrack.model.dhcp_lease import DhcpLease, LeasePage, LeasesAsked, LeaseState, place_of
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import LeaseNews, VlanNews

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
near_addresses = st.integers(1, 40).map(lambda number: IPv4Address(f"10.1.0.{number}"))
networks = st.tuples(st.integers(0, 255), st.integers(0, 32)).map(
    lambda it: IPv4Network((it[0] << 24, it[1]), strict=False)
)
times = st.none() | st.integers(0, 2**31)


addresses6 = st.integers(0, 2**128 - 1).map(IPv6Address)
networks6 = st.tuples(st.integers(0, 255), st.integers(0, 128)).map(
    lambda it: IPv6Network((it[0] << 120, it[1]), strict=False)
)
every_address = addresses | addresses6
near_addresses_of_both = near_addresses | st.integers(1, 40).map(
    lambda number: IPv6Address(f"fd00:1::{number}")
)


def leases_at(where):
    return st.builds(
        DhcpLease,
        address=where,
        state=st.sampled_from(get_args(LeaseState)),
        mac=st.none() | st.just("52:54:00:12:34:56"),
        hostname=st.none() | st.text(max_size=9),
        vendor_class=st.none() | st.text(max_size=9),
        starts=times,
        ends=times,
        never_ends=st.booleans(),
        heard=times,
        duid=st.none() | st.just("00:02:00:00:ab:11"),
        iaid=st.none() | st.integers(0, 2**32 - 1),
    )


def lists_at(where):
    """Leases as a rack tells them: each address once, in order."""
    return st.lists(leases_at(where), max_size=9, unique_by=lambda it: it.address).map(
        lambda found: tuple(sorted(found, key=lambda it: place_of(it.address)))
    )


lease_lists = lists_at(near_addresses)
lease_lists_of_both = lists_at(near_addresses_of_both)
lease_questions = st.builds(
    LeasesAsked,
    networks=st.lists(networks | networks6, max_size=4).map(tuple),
    after=st.none() | every_address,
)
lease_pages = st.tuples(lists_at(every_address), st.booleans()).map(
    lambda it: LeasePage(leases=it[0], more=it[1] and bool(it[0]))
)
lease_news = st.builds(
    LeaseNews,
    vlans=st.lists(
        st.builds(
            VlanNews,
            vlan=st.integers(1, 9).map(VlanId),
            leases=lists_at(every_address),
            more=st.integers(0, 2**31),
        ),
        max_size=3,
    ).map(tuple),
    elsewhere=st.integers(0, 2**31),
)
