"""Accepts racks: one session for each connection, within TLS, and not too many strangers."""

from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from evenrack.region.links.rack_session import RackSession, Reception
from evenrack.region.links.strangers import Strangers
from evenrack.trust.tls import RegionTls

TOLD_EACH_SECONDS = 60.0
"""So often at most a full doorway says so: those who are refused may be many."""


class RackListener(Factory):
    """Makes the region's end of each new link."""

    noisy = False

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002  Twisted asks so
        return cast("Protocol", RackSession(self._reception))


class Doorway(Factory):
    """TLS in front of a listener; where too many strangers wait, one more is cut at once."""

    noisy = False
    log = Logger()

    def __init__(self, tls: RegionTls, racks: Factory, strangers: Strangers, clock: Any) -> None:
        self._tls = TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=racks, clock=clock)
        self._strangers = strangers
        self._clock = clock
        self._refused = 0
        self._told_at: float | None = None

    def buildProtocol(self, addr: Any) -> Protocol | None:
        comes = self._strangers.may_come(addr.host)
        self._refused += not comes
        if self._refused:
            self._tell(addr.host)
        return self._tls.buildProtocol(addr) if comes else None

    def _tell(self, host: str) -> None:
        """Say at the first refusal that it is full, and later how many more there were."""
        now = self._clock.seconds()
        if self._told_at is not None and now < self._told_at + TOLD_EACH_SECONDS:
            return
        self.log.warn(
            "refused {refused} connections, the last from {host}: {here} have not said who they "
            "are, {near} of them from there",
            refused=self._refused,
            host=host,
            here=len(self._strangers),
            near=self._strangers.count_from(host),
        )
        self._refused, self._told_at = 0, now
