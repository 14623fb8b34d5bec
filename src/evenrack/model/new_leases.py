"""Which leases a DHCP server has given to new clients: some of them, and how many more."""

from typing import Any

from attrs import evolve, frozen

from evenrack.model.dhcp_lease import DhcpLease, check_lease
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import from_json

MOST_NAMED = 10
"""Leases of a VLAN: who wants all of them asks for them (`ReadLeases`)."""

MOST_VLANS = 10

MOST_MORE = 1 << 32

IPV4 = 4


@frozen(kw_only=True)
class VlanNews:
    """The new leases of one VLAN: the first ones, and the number of those left out."""

    vlan: VlanId
    leases: tuple[DhcpLease, ...]
    more: int = 0


@frozen(kw_only=True)
class LeaseNews:
    """What is told at once: of some VLANs, and the number of new leases of all others."""

    vlans: tuple[VlanNews, ...] = ()
    elsewhere: int = 0


def news_as_before(news: LeaseNews) -> LeaseNews:
    """Count the leases of IPv6 instead of naming them, for a region that cannot read them."""
    return evolve(news, vlans=tuple(map(_as_before, news.vlans)))


def _as_before(of_vlan: VlanNews) -> VlanNews:
    named = tuple(lease for lease in of_vlan.leases if lease.address.version == IPV4)
    return evolve(of_vlan, leases=named, more=of_vlan.more + len(of_vlan.leases) - len(named))


def lease_news_from_json(form: Any) -> LeaseNews:
    """Read news; ValueError when they are none, or more than are told at once."""
    news = from_json(form, LeaseNews)
    if len(news.vlans) > MOST_VLANS or any(len(it.leases) > MOST_NAMED for it in news.vlans):
        raise ValueError(f"at most {MOST_NAMED} leases of {MOST_VLANS} VLANs are told at once")
    if not all(0 <= more <= MOST_MORE for more in (news.elsewhere, *(v.more for v in news.vlans))):
        raise ValueError("so many leases there are not")
    for each in news.vlans:
        for lease in each.leases:
            check_lease(lease)
    return news
