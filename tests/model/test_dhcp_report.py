"""Reports of racks on their DHCP servers, as regions read them."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import (
    MOST_ADDRESSES,
    MOST_ADDRESSES6,
    MOST_FOREIGN_SERVERS,
    MOST_TEXT_CHARACTERS,
    AddressCount,
    DhcpReport,
    ForeignServer,
    Ipv6Addresses,
    Ipv6Side,
    RelayedAddresses,
    VlanError,
    VlanReport,
    as_before,
    dhcp_report_from_json,
)
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json

SIDE = VlanReport(vlan=VlanId(1), number=FleetNumber(1, 5), role="alone")

ODD = RelayedAddresses(vlan=VlanId(2), addresses=AddressCount(total=9, free=-5))

ALL6 = Ipv6Addresses(vlan=VlanId(1), total=MOST_ADDRESSES6, free=MOST_ADDRESSES6 - 1)


def ipv6_with(*addresses):
    return Ipv6Side(half="lower", addresses=addresses)


FOREIGN = ForeignServer(address=IPv4Address("10.1.0.66"), mac="02:00:00:00:00:01", since=5, heard=9)


def test_of_a_text_that_is_too_long_the_beginning_is_kept():
    said = "line 1: " + "x" * 900_000
    form = to_json(DhcpReport(errors=(VlanError(vlan=1, error="e"),)))
    form |= dict.fromkeys(("applied", "waiting", "failed"), said)
    form["errors"][0]["error"] = said
    report = dhcp_report_from_json(form)
    for text in (report.applied, report.waiting, report.failed, report.errors[0].error):
        assert text == said[:MOST_TEXT_CHARACTERS]


def test_what_came_later_can_be_left_out_for_a_region_of_before():
    count = AddressCount(total=9, free=4, backup=5)
    more = {"addresses": count, "since": 1_795_687_872, "foreign": (FOREIGN,)}
    relayed = RelayedAddresses(vlan=VlanId(2), addresses=count)
    more |= {"relayed": (VlanId(2),), "relayed_addresses": (relayed,)}
    ipv6 = evolve(ipv6_with(ALL6, evolve(ALL6, vlan=VlanId(2))), applied=FleetNumber(1, 7))
    more |= {"ipv6": ipv6}
    vlans = (evolve(SIDE, **more),)
    report = DhcpReport(applied="a", clock_ahead=7, not_listening="eth0: no", vlans=vlans)
    assert dhcp_report_from_json(to_json(report)) == report
    assert as_before(report) == DhcpReport(applied="a", vlans=(evolve(SIDE, relayed=(VlanId(2),)),))
    form = to_json(as_before(report))
    later = {"clock_ahead", "addresses", "since", "foreign", "not_listening", "ipv6"}
    later |= {"relayed_addresses"}
    assert not later & {*form, *form["vlans"][0]}


@pytest.mark.parametrize(
    "more",
    [
        {"addresses": AddressCount(total=9, free=-1)},
        {"addresses": AddressCount(total=9, free=0, backup=-1)},
        {"addresses": AddressCount(total=9, free=5, backup=5)},
        {"addresses": AddressCount(total=MOST_ADDRESSES + 1, free=5)},
        {"relayed_addresses": (ODD,), "relayed": (ODD.vlan,)},
        {"relayed_addresses": (evolve(ODD, addresses=AddressCount(total=1, free=1)),)},
        {"ipv6": ipv6_with(evolve(ALL6, free=-1))},
        {"ipv6": ipv6_with(evolve(ALL6, total=1))},
        {"ipv6": ipv6_with(evolve(ALL6, total=MOST_ADDRESSES6 + 1))},
        {"ipv6": ipv6_with(ALL6, ALL6)},
        {"ipv6": ipv6_with(evolve(ALL6, vlan=VlanId(2)))},
        {"since": -1},
        {"since": 1 << 40},
        {"foreign": (FOREIGN,) * (MOST_FOREIGN_SERVERS + 1)},
        {"foreign": (evolve(FOREIGN, since=-1),)},
        {"foreign": (evolve(FOREIGN, heard=1),)},
        {"foreign": (evolve(FOREIGN, heard=1 << 40),)},
    ],
    ids=[
        *(
            "free",
            "backup",
            "sum",
            "total",
            "relayed",
            "not relayed",
            "free of IPv6",
            "sum of IPv6",
            "total of IPv6",
            "twice of IPv6",
            "not relayed of IPv6",
            "before 1970",
            "too late",
            "too many servers",
        ),
        *("a server before 1970", "a server that was heard before", "a server too late"),
    ],
)
def test_a_report_whose_numbers_cannot_be_is_refused(more):
    form = to_json(DhcpReport(vlans=(evolve(SIDE, **more),)))
    with pytest.raises(ValueError, match="VLAN 1: "):
        dhcp_report_from_json(form)
