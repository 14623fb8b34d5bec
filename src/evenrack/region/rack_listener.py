"""Accepts racks: one session for each connection."""

from typing import cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from evenrack.region.rack_session import RackSession, Reception


class RackListener(Factory):
    """Makes the region's end of each new link."""

    noisy = False

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002  Twisted asks so
        return cast("Protocol", RackSession(self._reception))
