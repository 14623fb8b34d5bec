"""Hypothesis strategies for leases, questions for them and answers."""

from ipaddress import IPv4Address, IPv4Network
from typing import get_args

from hypothesis import strategies as st

from evenrack.model.dhcp_lease import DhcpLease, LeasePage, LeasesAsked, LeaseState
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import LeaseNews, VlanNews

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
near_addresses = st.integers(1, 40).map(lambda number: IPv4Address(f"10.1.0.{number}"))
networks = st.tuples(st.integers(0, 255), st.integers(0, 32)).map(
    lambda it: IPv4Network((it[0] << 24, it[1]), strict=False)
)
times = st.none() | st.integers(0, 2**31)


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
    )


def lists_at(where):
    """Leases as a rack tells them: each address once, in order."""
    return st.lists(leases_at(where), max_size=9, unique_by=lambda it: it.address).map(
        lambda found: tuple(sorted(found, key=lambda it: it.address))
    )


lease_lists = lists_at(near_addresses)
lease_questions = st.builds(
    LeasesAsked,
    networks=st.lists(networks, max_size=4).map(tuple),
    after=st.none() | addresses,
)
lease_pages = st.tuples(lists_at(addresses), st.booleans()).map(
    lambda it: LeasePage(leases=it[0], more=it[1] and bool(it[0]))
)
lease_news = st.builds(
    LeaseNews,
    vlans=st.lists(
        st.builds(
            VlanNews,
            vlan=st.integers(1, 9).map(VlanId),
            leases=lists_at(addresses),
            more=st.integers(0, 2**31),
        ),
        max_size=3,
    ).map(tuple),
    elsewhere=st.integers(0, 2**31),
)
