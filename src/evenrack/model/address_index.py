"""BMCs by their addresses: which are in a network costs those that are, not all of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network

from evenrack.model.bmc import Bmc
from evenrack.model.identifiers import BmcId


class AddressIndex:
    """All BMCs in the order of their addresses, those first that have one of IPv4."""

    def __init__(self, bmcs: Mapping[BmcId, Bmc]) -> None:
        by_address = sorted(
            (int(bmc.address), bmc.id)
            for bmc in bmcs.values()
            if isinstance(bmc.address, IPv4Address)
        )
        self._addresses = [address for address, _ in by_address]
        self._ids = [bmc for _, bmc in by_address]
        self._bmcs = bmcs
        self._others = [bmc.id for bmc in bmcs.values() if not isinstance(bmc.address, IPv4Address)]

    def within(self, networks: Iterable[IPv4Network]) -> list[Bmc]:
        """Give the BMCs in any of these networks, in the order of their ids.

        And all with a name or an address of IPv6: where those are, only racks can say.
        """
        found: set[BmcId] = set(self._others)
        for network in networks:
            first = bisect_left(self._addresses, int(network.network_address))
            last = bisect_right(self._addresses, int(network.broadcast_address))
            found.update(self._ids[first:last])
        return [self._bmcs[bmc] for bmc in sorted(found)]
