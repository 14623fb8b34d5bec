"""How many TCP connections are open at once, in all and from one address; more are closed at once.

They are counted before TLS, so those who never end their handshake are counted too.
"""

from collections import Counter
from typing import Any

from attrs import frozen
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from evenrack.model.address_keys import address_key


@frozen(kw_only=True)
class MostConnections:
    """How many are let in."""

    in_all: int = 64
    of_one_address: int = 16


class _Counted(ProtocolWrapper):
    """One connection that was let in."""

    address = ""

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # Twisted has no default either
        self.factory.gone(self)
        super().connectionLost(reason)


class ConnectionLimits(WrappingFactory):
    """Lets connections through to another factory as long as there are not too many."""

    protocol = _Counted
    noisy = False
    log = Logger()

    def __init__(self, inner: "Factory[Any]", most: MostConnections) -> None:
        super().__init__(inner)
        self._most = most
        self._open: Counter[str] = Counter()
        self._full = False

    def buildProtocol(self, addr: Any) -> Any:
        key = address_key(addr.host)
        if self._is_full(key):
            return None
        wrapped: Any = super().buildProtocol(addr)
        wrapped.address = key
        self._open[key] += 1
        return wrapped

    def gone(self, connection: _Counted) -> None:
        """Count a connection that ended."""
        self._open[connection.address] -= 1
        if self._open[connection.address] <= 0:
            del self._open[connection.address]
            self._full = False

    def _is_full(self, key: str) -> bool:
        in_all, own = self._open.total(), self._open[key]
        if in_all < self._most.in_all and own < self._most.of_one_address:
            return False
        if not self._full:  # once, until somebody has gone: those who are refused may be many
            self._full = True
            self.log.warn(
                "HTTP connection from {address} closed: {own} are open from there, {in_all} in "
                "all; at most {most_own} and {most}",
                address=key,
                own=own,
                in_all=in_all,
                most_own=self._most.of_one_address,
                most=self._most.in_all,
            )
        return True
