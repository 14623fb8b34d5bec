"""Reads dhcpd's leases from disk for whoever asks, beside the reactor's thread, page by page."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from evenrack.errors import LeasesUnreadable
from evenrack.model.dhcp_lease import (
    MOST_LEASES,
    DhcpLease,
    LeaseNetwork,
    LeasePage,
    LeasesAsked,
    place_of,
)
from evenrack.model.json_form import to_json
from evenrack.rack.dhcp.lease_file import leases_in
from evenrack.rack.dhcp.lease_file6 import leases6_in
from evenrack.runtime.thinking import Think

MOST_PAGE_BYTES: Final = 900_000
"""Of the leases of one page: what a rack says in one answer has at most a MiB."""

KEPT_SECONDS: Final = 10.0
"""For the next page, which a region that wants it asks for at once."""

_CHUNK_BYTES: Final = 256 * 1024


@frozen(kw_only=True)
class _Listing:
    """What one reading found, kept while pages of it are still to be asked for."""

    networks: tuple[LeaseNetwork, ...]
    leases: Sequence[DhcpLease]


class LeaseReader(Service):
    """One reading at a time. Who asks for the next page gets it from the reading of the first."""

    def __init__(self, file: Path, file6: Path, think: Think, clock: IReactorTime) -> None:
        """`file6` is that of the server for IPv6."""
        self._files = file, file6
        self._think = think
        self._clock = clock
        self._one_at_a_time = DeferredLock()
        self._listing: _Listing | None = None
        self._forgetting: IDelayedCall | None = None
        self._has_ended = False

    def stopService(self) -> None:
        self._has_ended = True
        self._keep(None)

    async def page(self, asked: LeasesAsked) -> LeasePage:
        """Give the leases that are asked for, or the first of them; LeasesUnreadable."""
        async with self._one_at_a_time:
            known = self._listing
            if known is None or asked.after is None or known.networks != asked.networks:
                known = await self._think(lambda: _read(*self._files, asked.networks))
            page = await self._think(lambda: page_of(known.leases, asked))
            self._keep(known if page.more else None)
            return page

    def _keep(self, listing: _Listing | None) -> None:
        """Keep it for who asks for the next page: not for long, since it is large and grows old."""
        if self._forgetting is not None and self._forgetting.active():
            self._forgetting.cancel()
        self._listing = None if self._has_ended else listing
        if self._listing is not None:
            self._forgetting = self._clock.callLater(KEPT_SECONDS, self._keep, None)


def page_of(leases: Sequence[DhcpLease], asked: LeasesAsked) -> LeasePage:
    """Cut a page out of leases that are in order, as large as an answer may be."""
    start = (
        0
        if asked.after is None
        else bisect_right(leases, place_of(asked.after), key=lambda lease: place_of(lease.address))
    )
    end, used = start, 0
    for lease in leases[start : start + MOST_LEASES]:
        used += len(json.dumps(to_json(lease))) + 2
        if used > MOST_PAGE_BYTES:
            break
        end += 1
    return LeasePage(leases=tuple(leases[start:end]), more=end < len(leases))


def _read(file: Path, file6: Path, networks: tuple[LeaseNetwork, ...]) -> _Listing:
    """Read the file of each family that is asked about."""
    of_ipv4 = [each for each in networks if isinstance(each, IPv4Network)]
    of_ipv6 = [each for each in networks if isinstance(each, IPv6Network)]
    found: list[DhcpLease] = []
    try:
        if of_ipv4:
            found += leases_in(_chunks(file), of_ipv4).values()
        if of_ipv6:
            found += leases6_in(_chunks(file6), of_ipv6).values()
    except OSError as problem:
        raise LeasesUnreadable(f"its file of leases cannot be read: {problem.strerror}") from None
    return _Listing(networks=networks, leases=sorted(found, key=lambda it: place_of(it.address)))


def _chunks(file: Path) -> Iterator[bytes]:
    """Read a file piece by piece; a server that was never started has none, and no lease."""
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        return
    with opened:
        while chunk := opened.read(_CHUNK_BYTES):
            yield chunk
