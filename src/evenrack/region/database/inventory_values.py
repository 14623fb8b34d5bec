"""Objects of the inventory and their rows: an IPv6 object stands in the same table as an IPv4 one.

Which of the two it is its addresses say.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Any

from evenrack.model.boot import BOOT_FILES, BootSettings, boot_fields, next_server_from_text
from evenrack.model.findings import Noun
from evenrack.model.identifiers import RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.network_rules import SETTINGS

Value = Vlan | Subnet | Subnet6 | Range | Range6 | Reservation | Reservation6


def value_of(noun: Noun, row: Any) -> Value:
    """Read one row."""
    value: Value = _VALUES[noun](row)
    return value


def is_ipv6(text: str) -> bool:
    """Tell whether an address or a network that is stored is one of IPv6."""
    return ":" in text


def name_of(value: Value) -> str:
    """Give the name by which people call an object."""
    match value:
        case Vlan():
            return value.name
        case Subnet() | Subnet6():
            return str(value.cidr)
        case Range() | Range6():
            return f"{value.first}-{value.last}"
        case Reservation():
            return value.mac
        case Reservation6():
            return value.name


def fields_of(value: Value) -> dict[str, Any]:
    """Give what can be set of an object, as plain JSON; the names are those of its columns."""
    match value:
        case Vlan():
            return {
                "name": value.name,
                "fabric": value.fabric,
                "vid": value.vid,
                "dhcp_on": value.dhcp_on,
                "relay_vlan": value.relay_vlan,
                **{name: getattr(value.settings, name) for name in SETTINGS},
                **boot_fields(value.boot),
            }
        case Subnet() | Subnet6():
            return _subnet_fields(value)
        case Range() | Range6():
            return {
                "first": str(value.first),
                "last": str(value.last),
                "reserved": value.reserved,
            }
        case Reservation():
            return {
                "mac": value.mac,
                "duid": None,
                "address": str(value.address),
                "hostname": value.hostname,
                "other_macs": list(value.other_macs),
            }
        case Reservation6():
            return {
                "mac": value.mac,
                "duid": value.duid,
                "address": str(value.address),
                "hostname": "",
                "other_macs": [],
            }


def _subnet_fields(value: Subnet | Subnet6) -> dict[str, Any]:
    """DHCPv6 tells neither a gateway nor a domain, so networks of IPv6 have none."""
    gateway, domain = (value.gateway, value.domain) if isinstance(value, Subnet) else (None, "")
    return {
        "cidr": str(value.cidr),
        "gateway": None if gateway is None else str(gateway),
        "dns_servers": [str(server) for server in value.dns_servers],
        "ntp_servers": [str(server) for server in value.ntp_servers],
        "domain": domain,
        "search_domains": list(value.search_domains),
        "allow_unknown": value.allow_unknown,
    }


def _vlan(row: Any) -> Vlan:
    return Vlan(
        id=VlanId(row.id),
        name=row.name,
        fabric=row.fabric,
        vid=row.vid,
        dhcp_on=row.dhcp_on,
        settings=VlanSettings(**{name: getattr(row, name) for name in SETTINGS}),
        boot=BootSettings(
            next_server=None if row.next_server is None else next_server_from_text(row.next_server),
            **{name: getattr(row, name) for name in BOOT_FILES},
        ),
        relay_vlan=None if row.relay_vlan is None else VlanId(row.relay_vlan),
    )


def _subnet(row: Any) -> Subnet | Subnet6:
    if is_ipv6(row.cidr):
        return Subnet6(
            id=SubnetId(row.id),
            cidr=IPv6Network(row.cidr),
            dns_servers=tuple(map(IPv6Address, row.dns_servers)),
            ntp_servers=tuple(map(IPv6Address, row.ntp_servers)),
            search_domains=tuple(row.search_domains),
            allow_unknown=row.allow_unknown,
        )
    return Subnet(
        id=SubnetId(row.id),
        cidr=IPv4Network(row.cidr),
        gateway=None if row.gateway is None else IPv4Address(row.gateway),
        dns_servers=tuple(map(IPv4Address, row.dns_servers)),
        ntp_servers=tuple(map(IPv4Address, row.ntp_servers)),
        domain=row.domain,
        search_domains=tuple(row.search_domains),
        allow_unknown=row.allow_unknown,
    )


def _range(row: Any) -> Range | Range6:
    if is_ipv6(row.first):
        return Range6(
            id=RangeId(row.id),
            first=IPv6Address(row.first),
            last=IPv6Address(row.last),
            reserved=row.reserved,
        )
    return Range(
        id=RangeId(row.id),
        first=IPv4Address(row.first),
        last=IPv4Address(row.last),
        reserved=row.reserved,
    )


def _reservation(row: Any) -> Reservation | Reservation6:
    if is_ipv6(row.address):
        return Reservation6(
            id=ReservationId(row.id),
            address=IPv6Address(row.address),
            duid=row.duid,
            mac=row.mac,
        )
    return Reservation(
        id=ReservationId(row.id),
        mac=row.mac,
        address=IPv4Address(row.address),
        hostname=row.hostname,
        other_macs=tuple(row.other_macs),
    )


_VALUES: Mapping[Noun, Any] = MappingProxyType(
    {"vlan": _vlan, "subnet": _subnet, "range": _range, "reservation": _reservation}
)
