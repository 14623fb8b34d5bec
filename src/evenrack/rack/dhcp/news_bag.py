"""Gathers new leases until they are told: a few by name, of a storm the number. Pure."""

from collections import Counter
from collections.abc import Callable

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import MOST_NAMED, MOST_VLANS, LeaseNews, VlanNews
from evenrack.rack.dhcp.lease_file import entries_in


def _lease_in(entry: bytes) -> DhcpLease | None:
    return next(entries_in([entry]), None)


class NewsBag:
    """Keeps the first few of each VLAN, and counts the others."""

    def __init__(self) -> None:
        self._named: dict[VlanId, list[DhcpLease]] = {}
        self._more: Counter[VlanId] = Counter()

    def add(
        self, vlan: VlanId, entry: bytes, read: Callable[[bytes], DhcpLease | None] = _lease_in
    ) -> None:
        """Take a new lease as it stands in the file, with its closing bracket."""
        named = self._named.setdefault(vlan, [])
        lease = read(entry) if len(named) < MOST_NAMED else None
        if lease is None:
            self._more[vlan] += 1
        else:
            named.append(lease)

    def news(self) -> LeaseNews:
        """Give what is in it, of the VLANs with the lowest numbers."""
        told = sorted(self._named)[:MOST_VLANS]
        return LeaseNews(
            vlans=tuple(
                VlanNews(vlan=vlan, leases=tuple(self._named[vlan]), more=self._more[vlan])
                for vlan in told
            ),
            elsewhere=sum(
                len(named) + self._more[vlan]
                for vlan, named in self._named.items()
                if vlan not in told
            ),
        )

    def __bool__(self) -> bool:
        return bool(self._named)
