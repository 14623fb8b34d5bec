"""The whole dhcpd6.conf of one rack, for `dhcpd -6`: equal plans, equal bytes. Pure.

There is no failover in DHCPv6: of each range a rack of a pair has its half (`model.halves`), and
reservations stand in the files of both.
"""

from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Any, Final

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.halves import Span, spans_of
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.rack.dhcp.dhcpd_conf import HEADING
from evenrack.rack.dhcp.snippets import Snippets
from evenrack.rack.dhcp.statements import (
    ClientDuid,
    HardwareAddress,
    HexBytes,
    Name,
    block,
    quoted,
    statement,
    value_list,
    words,
)

_NTP_OPTION: Final = "option dhcp6.ntp-servers"
"""RFC 5908; dhcpd 4.4 has no name for it."""
_SERVER_ADDRESS: Final = b"\x00\x01\x00\x10"
"""Within that option: one address of 16 bytes follows."""


@frozen(kw_only=True)
class VlanText6:
    """What stands of one VLAN in the file, in its parts; a part may be empty."""

    networks: str
    hosts: str


def dhcpd6_conf(services: DhcpPlan, *, held: Collection[VlanId] = ()) -> str:
    """Write the file for all VLANs with IPv6 that a rack serves; empty where there is none.

    In VLANs that are `held` nobody is given an address of a range yet. ValueError names the object
    whose text dhcpd could not be given.
    """
    return file6_with(
        vlan_text6(it, is_held=it.vlan.id in held) for it in with_ipv6_in_order(services)
    )


def with_ipv6_in_order(services: DhcpPlan) -> list[VlanService]:
    """Give the VLANs with IPv6 in the order in which they stand in the file."""
    return sorted((it for it in services if it.vlan.has_ipv6), key=attrgetter("vlan.id"))


def file6_with(vlans: Iterable[VlanText6]) -> str:
    """Put the file together from the texts of its VLANs, in their order; empty for none."""
    texts = list(vlans)
    if not texts:
        return ""
    parts = [*(it.networks for it in texts), *(it.hosts for it in texts)]
    return "\n".join([_global_statements(), *filter(None, parts)])


def vlan_text6(service: VlanService, *, is_held: bool) -> VlanText6:
    """Write one VLAN; ValueError as `dhcpd6_conf`. Its name and number stand nowhere."""
    return VlanText6(
        networks="\n".join(_networks(service, is_held=is_held)), hosts="\n".join(_hosts(service))
    )


def what_text6_is_of(service: VlanService) -> tuple[Any, ...]:
    """Give all of a VLAN that its text is made of: equal values, equal texts."""
    parts = ((it.id, it.settings, it.snippets, it.subnets6) for it in service.vlan.served)
    return service.half, *parts


def _global_statements() -> str:
    return HEADING + "".join(
        [
            statement("authoritative"),
            statement("ddns-update-style none"),
            # else each client chooses by itself when it renews its lease
            statement("dhcpv6-set-tee-times true"),
            statement(f"{_NTP_OPTION} code 56 = string"),
        ]
    )


def _networks(service: VlanService, *, is_held: bool) -> Iterator[str]:
    snippets = Snippets.of(service.vlan.served)
    for vlan in service.vlan.served:
        if vlan.subnets6:
            yield _shared_network(service, vlan, snippets, is_held=is_held)


def _shared_network(service: VlanService, vlan: Vlan, snippets: Snippets, *, is_held: bool) -> str:
    least, most = vlan.settings.lease_limits
    return block(
        words("shared-network", Name(f"vlan-{vlan.id}")),
        statement("default-lease-time", vlan.settings.lease_seconds),
        statement("max-lease-time", most),
        statement("min-lease-time", least),
        *(
            _subnet(subnet, "" if is_held else _pool(service, subnet, snippets), snippets)
            for subnet in sorted(vlan.subnets6, key=attrgetter("id"))
        ),
    )


def _subnet(subnet: Subnet6, pool: str, snippets: Snippets) -> str:
    ntp = b"".join(_SERVER_ADDRESS + server.packed for server in subnet.ntp_servers)
    return block(
        f"subnet6 {subnet.cidr}",
        value_list("option dhcp6.name-servers", subnet.dns_servers),
        value_list("option dhcp6.sntp-servers", subnet.ntp_servers),  # RFC 4075: older clients
        statement(_NTP_OPTION, HexBytes(ntp)) if ntp else "",
        value_list(
            "option dhcp6.domain-search",
            [quoted(it, f"a search domain of subnet {subnet.id}") for it in subnet.search_domains],
        ),
        snippets.at("subnet", subnet.id),
        pool,
    )


def _pool(service: VlanService, subnet: Subnet6, snippets: Snippets) -> str:
    spans = list(_lower_first(service, subnet.ranges))
    if not spans:
        return ""
    return block(
        "pool6",
        "" if subnet.allow_unknown else statement("deny all clients"),
        *(statement("range6", first, last) for first, last in spans),
        snippets.at("pool", subnet.id),
    )


def _lower_first(service: VlanService, ranges: Collection[Range6]) -> Iterator[Span]:
    """Give the lower halves of all ranges before the upper ones: dhcpd goes by their order."""
    ordered = sorted(ranges, key=attrgetter("id"))
    parts = [spans_of((each.first, each.last), service.half) for each in ordered]
    for number in range(2):
        yield from (part[number] for part in parts if len(part) > number)


def _hosts(service: VlanService) -> Iterator[str]:
    snippets = Snippets.of(service.vlan.served)
    subnets = [subnet for vlan in service.vlan.served for subnet in vlan.subnets6]
    every = (kept for subnet in subnets for kept in subnet.hosts)
    for kept in sorted(every, key=attrgetter("id")):
        yield _host(kept, snippets)


def _host(kept: Reservation6, snippets: Snippets) -> str:
    what = f"of reservation {kept.id}"
    if kept.duid is not None:
        duid = ClientDuid(what=f"the DUID {what}", text=kept.duid)
        who = statement("host-identifier option dhcp6.client-id", duid)
    else:
        card = HardwareAddress(what=f"the MAC address {what}", text=kept.mac or "")
        who = statement("hardware ethernet", card)
    return block(
        words("host", Name(f"h6-{kept.id}")),
        who,
        statement("fixed-address6", kept.address),
        snippets.at("host", kept.id),
    )
