"""Asks whether somebody takes connections at a BMC's address, and says nothing to them."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol


class _Silence(Protocol):
    """A connection that is over at once."""

    def connectionMade(self) -> None:
        if self.transport is not None:
            cast("ITCPTransport", self.transport).abortConnection()


class _Silences(Factory):
    noisy = False
    protocol = _Silence


async def accepts(
    reactor: Any, address: IPv4Address | IPv6Address, port: int, seconds: float = 4.0
) -> bool:
    """Say whether a connection comes about; refused is no as well, only sooner."""
    endpoint = HostnameEndpoint(reactor, str(address), port, timeout=seconds)
    try:
        await endpoint.connect(_Silences())
    except ConnectError:
        return False
    return True
