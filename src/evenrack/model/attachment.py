"""Which racks are on which VLAN, by the addresses of their interfaces."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface
from types import MappingProxyType

from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan

ADDRESS_BITS = 32

Placements = Mapping[IPv4Interface, VlanId | None]
"""Addresses of a rack of which an operator said on which VLAN they are; None: on none."""

NOT_PLACED: Placements = MappingProxyType({})


def attached_to(
    vlans: Mapping[VlanId, Vlan],
    interfaces: Mapping[RackId, tuple[IPv4Interface, ...]],
    placed: Mapping[RackId, Placements],
) -> dict[VlanId, dict[RackId, IPv4Address]]:
    """Give each VLAN's racks, in the order of their ids, each with its address there.

    Costs the addresses, not addresses times VLANs.
    """
    networks = _Networks(vlans)
    found: dict[VlanId, dict[RackId, IPv4Address]] = {vlan: {} for vlan in vlans}
    for rack in sorted(interfaces):
        said = placed.get(rack, NOT_PLACED)
        for vlan in networks.near(interfaces[rack]):
            address = address_on(vlans[vlan], interfaces[rack], said)
            if address is not None:
                found[vlan][rack] = address
    return found


def address_on(
    vlan: Vlan, addresses: tuple[IPv4Interface, ...], placed: Placements
) -> IPv4Address | None:
    """Find which of a rack's addresses is on this VLAN: one that was said to be comes first."""
    if not placed:
        return vlan.address_of(addresses)
    said = tuple(it for it in addresses if placed.get(it) == vlan.id)
    unsaid = tuple(it for it in addresses if it not in placed)
    return vlan.address_of(said) or vlan.address_of(unsaid)


class _Networks:
    """The VLANs by the first bits of their subnets' addresses."""

    def __init__(self, vlans: Mapping[VlanId, Vlan]) -> None:
        self._of_length: dict[int, dict[int, list[VlanId]]] = {}
        for vlan in vlans.values():
            for subnet in vlan.subnets:
                beginning = int(subnet.cidr.network_address) >> (
                    ADDRESS_BITS - subnet.cidr.prefixlen
                )
                of_length = self._of_length.setdefault(subnet.cidr.prefixlen, {})
                of_length.setdefault(beginning, []).append(vlan.id)

    def near(self, addresses: tuple[IPv4Interface, ...]) -> Iterator[VlanId]:
        """Give the VLANs that have a subnet with one of these addresses, perhaps twice."""
        for address in addresses:
            number = int(address)
            for length, beginnings in self._of_length.items():
                yield from beginnings.get(number >> (ADDRESS_BITS - length), ())
