"""Which racks are on which VLAN, by the addresses of their interfaces."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface

from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan

ADDRESS_BITS = 32


def attached_to(
    vlans: Mapping[VlanId, Vlan], interfaces: Mapping[RackId, tuple[IPv4Interface, ...]]
) -> dict[VlanId, dict[RackId, IPv4Address]]:
    """Give each VLAN's racks, in the order of their ids, each with its address there.

    Costs the addresses, not addresses times VLANs.
    """
    networks = _Networks(vlans)
    found: dict[VlanId, dict[RackId, IPv4Address]] = {vlan: {} for vlan in vlans}
    for rack in sorted(interfaces):
        for vlan in networks.near(interfaces[rack]):
            address = vlans[vlan].address_of(interfaces[rack])
            assert address is not None  # noqa: S101  that is how the VLAN was found
            found[vlan][rack] = address
    return found


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
