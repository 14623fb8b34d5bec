"""Which other DHCP servers were heard on each VLAN, and until when that counts: pure."""

from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Final

from attrs import evolve, frozen

from evenrack.model.dhcp_report import MOST_FOREIGN_SERVERS, ForeignServer
from evenrack.model.identifiers import VlanId

TELL_SECONDS: Final = 300.0
"""When a server was last heard is told as often: each time is a write to the database."""

MOST_IN_ALL: Final = 64
"""Of all VLANs: they travel in one report."""

LEAST_FORGET_SECONDS: Final = 900.0
"""Who was not heard for so long is gone, and for longer where questions are rarer."""


@frozen(kw_only=True)
class Moment:
    """Now: by a clock that is never set, and by the one that everybody reads."""

    steady: float
    unix: int


@frozen(kw_only=True)
class _Heard:
    server: ForeignServer
    told_at: float
    last_at: float


class ForeignServers:
    """A few of each VLAN, and some in all: who makes up servers makes no report grow."""

    def __init__(self, probe_seconds: float) -> None:
        self._forget_seconds = max(LEAST_FORGET_SECONDS, 2.5 * probe_seconds)
        self._heard: dict[VlanId, dict[IPv4Address, _Heard]] = {}

    def of(self, vlan: VlanId) -> tuple[ForeignServer, ...]:
        """Give those of a VLAN, in the order of their addresses."""
        return tuple(it.server for _, it in sorted(self._heard.get(vlan, {}).items()))

    def hear(self, vlan: VlanId, address: IPv4Address, mac: str | None, now: Moment) -> bool:
        """Note that a server was heard; gives whether that is worth telling now."""
        here = self._heard.get(vlan, {})
        known = here.get(address)
        if known is None and (len(here) >= MOST_FOREIGN_SERVERS or self._count() >= MOST_IN_ALL):
            return False
        if known is not None and not _is_news(known, mac, now):
            here[address] = evolve(known, last_at=now.steady)
            return False
        server = ForeignServer(address=address, mac=mac, since=now.unix, heard=now.unix)
        if known is not None:
            since = min(known.server.since, now.unix)  # the host's clock may have been set back
            server = evolve(server, mac=mac or known.server.mac, since=since)
        here[address] = _Heard(server=server, told_at=now.steady, last_at=now.steady)
        self._heard[vlan] = here
        return True

    def forget(self, vlans: Collection[VlanId], now: Moment) -> bool:
        """Forget who is gone, and the VLANs that are none of these; gives whether any was."""
        before = self._count()
        self._heard = {
            vlan: {
                address: it
                for address, it in here.items()
                if now.steady - it.last_at < self._forget_seconds
            }
            for vlan, here in self._heard.items()
            if vlan in vlans
        }
        return self._count() < before

    def _count(self) -> int:
        return sum(map(len, self._heard.values()))


def _is_news(known: _Heard, mac: str | None, now: Moment) -> bool:
    """Tell of a MAC that was not known at once, and of all else now and then."""
    is_learnt = mac is not None and known.server.mac is None
    return is_learnt or now.steady - known.told_at >= TELL_SECONDS
