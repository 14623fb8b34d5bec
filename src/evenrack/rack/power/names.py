"""Looks host names up as this host does, in /etc/hosts and the DNS, and remembers them shortly."""

import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from attrs import frozen
from twisted.internet import address as twisted_address
from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IReactorTime
from twisted.internet.interfaces import IResolutionReceiver as Receiver
from zope.interface import implementer

from evenrack.errors import BmcUnreachable
from evenrack.model.bmc_host import HostName

KEPT_SECONDS: Final = 30.0
"""Names of BMCs seldom change; one that was not found is looked up anew each time."""
MOST_AT_ONCE: Final = 4
"""Each takes a thread of the reactor, for many seconds where the DNS is silent; who wants to
connect to a region by its name needs one, too."""

MOST_ADDRESSES: Final = 16
"""Of one name, as no BMC has more. What is left out of a huge answer costs no time."""

Addresses = tuple[IPv4Address | IPv6Address, ...]


def host_resolver(
    reactor: Any, getaddrinfo: Callable[..., Any] = socket.getaddrinfo
) -> IHostnameResolver:
    """Make the resolver that asks this host, as any program does, and ends each lookup.

    The one that a reactor has never ends a lookup that failed in another way than by `gaierror`:
    without a file descriptor left, for one.
    """

    def asked(*arguments: Any, **options: Any) -> Any:
        try:
            return getaddrinfo(*arguments, **options)
        except (OSError, UnicodeError, MemoryError) as problem:
            raise socket.gaierror(socket.EAI_FAIL, str(problem)) from problem

    return GAIResolver(reactor, getaddrinfo=asked)


@frozen(kw_only=True)
class _Known:
    addresses: Addresses
    until: float


class Names:
    """The addresses of names."""

    def __init__(self, resolver: IHostnameResolver, clock: IReactorTime) -> None:
        self._resolver = resolver
        self._clock = clock
        self._known: dict[HostName, _Known] = {}
        self._waiting: dict[HostName, list[Deferred[Addresses]]] = {}
        self._queue: deque[HostName] = deque()
        self._under_way = 0

    async def addresses_of(self, name: HostName) -> Addresses:
        """Give at least one, in the order in which this host prefers them; BmcUnreachable.

        A lookup whose waiting is cancelled goes on for who asks next.
        """
        known = self._known.get(name)
        found = known.addresses if known is not None and self._is_fresh(known) else ()
        if not found:
            mine: Deferred[Addresses] = Deferred()
            if name not in self._waiting:
                self._queue.append(name)
            self._waiting.setdefault(name, []).append(mine)
            self._begin()
            found = await mine
        if not found:
            raise BmcUnreachable(
                f"this rack finds no address for the name {name}: see whether it has one there "
                f"(getent ahosts {name}), or give the BMC its address instead"
            )
        return found

    def knows(self, name: HostName) -> bool:
        """Say whether this name needs no lookup now."""
        known = self._known.get(name)
        return known is not None and self._is_fresh(known)

    def _is_fresh(self, known: _Known) -> bool:
        return self._clock.seconds() < known.until

    def _begin(self) -> None:
        """Look up as many as may be at once, but nothing that nobody waits for any more."""
        while self._queue and self._under_way < MOST_AT_ONCE:
            name = self._queue.popleft()
            if all(each.called for each in self._waiting[name]):
                del self._waiting[name]
                continue
            self._under_way += 1
            self._resolver.resolveHostName(_Found(partial(self._end, name)), name)

    def _end(self, name: HostName, found: Addresses) -> None:
        self._under_way -= 1
        self._known = {n: known for n, known in self._known.items() if self._is_fresh(known)}
        if found:
            until = self._clock.seconds() + KEPT_SECONDS
            self._known[name] = _Known(addresses=found, until=until)
        for each in self._waiting.pop(name):
            each.callback(found)  # which is nothing to who has given up
        self._begin()


@implementer(Receiver)
class _Found:
    """Gathers what one lookup finds, and tells it at its end."""

    def __init__(self, tell: Callable[[Addresses], None]) -> None:
        self._tell = tell
        self._found: list[IPv4Address | IPv6Address] = []

    # What Twisted calls

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:  # noqa: N802, N803
        """Nothing has to be done yet."""

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        if len(self._found) == MOST_ADDRESSES:
            return
        if not isinstance(address, twisted_address.IPv4Address | twisted_address.IPv6Address):
            return
        found = ip_address(address.host)
        # A link-local one would mean nothing without its link.
        if not found.is_link_local and found not in self._found:
            self._found.append(found)

    def resolutionComplete(self) -> None:  # noqa: N802
        self._tell(tuple(self._found))
