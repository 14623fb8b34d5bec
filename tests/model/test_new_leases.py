"""News of leases, as regions read them: no more than are told at once."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json
from evenrack.model.new_leases import (
    MOST_MORE,
    MOST_NAMED,
    MOST_VLANS,
    LeaseNews,
    VlanNews,
    lease_news_from_json,
    news_as_before,
)


def news_of(leases, vlans=1, **more):
    lease = DhcpLease(address=IPv4Address("10.1.0.5"), hostname="x")
    each = VlanNews(vlan=VlanId(1), leases=(lease,) * leases, more=more.pop("more", 0))
    return LeaseNews(vlans=(each,) * vlans, **more)


def test_as_much_as_is_told_at_once_is_read_as_it_was_said():
    news = news_of(MOST_NAMED, MOST_VLANS, more=MOST_MORE, elsewhere=MOST_MORE)
    assert lease_news_from_json(to_json(news)) == news


@pytest.mark.parametrize(
    "news",
    [
        news_of(MOST_NAMED + 1),
        news_of(1, MOST_VLANS + 1),
        news_of(1, more=-1),
        news_of(1, elsewhere=MOST_MORE + 1),
        LeaseNews(
            vlans=(
                VlanNews(
                    vlan=VlanId(1),
                    leases=(DhcpLease(address=IPv4Address("10.1.0.5"), hostname="x" * 256),),
                ),
            )
        ),
    ],
    ids=["leases", "vlans", "more", "elsewhere", "text"],
)
def test_more_than_is_told_at_once_is_refused(news):
    with pytest.raises(ValueError, match=r"at most|are not"):
        lease_news_from_json(to_json(news))


def test_a_region_of_before_is_told_the_number_of_the_leases_of_ipv6():
    four, six = (
        DhcpLease(address=IPv4Address("10.1.0.5")),
        DhcpLease(address=IPv6Address("fd00:1::5"), duid="00:02", iaid=7),
    )
    of_vlan = VlanNews(vlan=VlanId(1), leases=(six, four, six), more=4)
    news = LeaseNews(vlans=(of_vlan, VlanNews(vlan=VlanId(2), leases=(six,))), elsewhere=5)
    assert lease_news_from_json(to_json(news)) == news
    known = news_as_before(news)
    assert known == LeaseNews(
        vlans=(
            VlanNews(vlan=VlanId(1), leases=(four,), more=6),
            VlanNews(vlan=VlanId(2), leases=(), more=1),
        ),
        elsewhere=5,
    )
    assert news_as_before(known) == known
