"""Accepts racks: one session for each connection, within TLS, and not too many strangers."""

from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from evenrack.region.rack_session import RackSession, Reception
from evenrack.region.strangers import Strangers
from evenrack.trust.tls import RegionTls


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

    def __init__(self, tls: RegionTls, racks: Factory, strangers: Strangers, clock: Any) -> None:
        self._tls = TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=racks, clock=clock)
        self._strangers = strangers

    def buildProtocol(self, addr: Any) -> Protocol | None:
        return self._tls.buildProtocol(addr) if self._strangers.may_come(addr.host) else None
