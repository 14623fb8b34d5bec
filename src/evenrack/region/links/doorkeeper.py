"""What a link needs to know of trust: who is at its other end, and who may join."""

from typing import Any, Protocol

from attrs import field, frozen
from twisted.python.failure import Failure

from evenrack.model.identifiers import RackId
from evenrack.trust.tls import Peer


@frozen(kw_only=True)
class Application:
    """What a rack says that would like to join (`wire.region_commands.Enrol`)."""

    lookup: str
    request: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    hostname: str
    peer_address: str


@frozen(kw_only=True)
class Enrolled:
    """What it is answered: its certificate (DER), whom to trust (PEM), and the region's proof."""

    certificate: bytes = field(repr=False)
    authorities: bytes = field(repr=False)
    proof: bytes = field(repr=False)


class Doorkeeper(Protocol):
    """Knows certificates; the simulation, whose links have none, has its own."""

    @property
    def fingerprint(self) -> str:
        """Name whom racks are to trust; empty while nobody knows."""

    def peer(self, transport: Any) -> Peer:
        """Tell who is at the other end, once its handshake is over."""

    def why_ended(self, transport: Any, failure: Failure) -> str | None:
        """Say what was wrong with a peer whose handshake failed."""

    def is_revoked(self, peer: Peer) -> bool:
        """Tell whether the certificate of this peer is worth nothing any more."""

    async def enrol(self, application: Application, transport: Any) -> Enrolled:
        """Take a new rack in; EnrolmentRefused, DatabaseUnreachable."""

    async def renew(self, peer: Peer, request: bytes) -> bytes:
        """Sign a new certificate for the rack at the other end of a link (DER).

        EnrolmentRefused, DatabaseUnreachable.
        """

    async def authorities(self, rack: RackId, known: str) -> bytes:
        """Tell whom to trust (PEM), and note whom the rack trusts already."""
