"""A region's end with real TLS that lets racks in as a region does, from memory instead of rows."""

from contextlib import asynccontextmanager

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory

from evenrack.config.secret_file import Secret
from evenrack.errors import EnrolmentRefused
from evenrack.model.identifiers import RackId
from evenrack.rack.register import Newcomer
from evenrack.region.links.doorkeeper import Enrolled
from evenrack.region.links.rack_listener import RackListener
from evenrack.trust.certificates import (
    certificate_der,
    certificate_pem,
    issue_for_rack,
    key_of_request,
    pin_of,
)
from evenrack.trust.enrolment import EnrolmentSecret
from evenrack.trust.tls import RegionTls, channel_of, own_certificate, peer_of, why_tls_failed
from tests.trusted import authority, now, region_identity
from tests.wire.both_ends import Desk, World

HERE = "127.0.0.1"
NEW_RACK = RackId("newrack1")


def secret(**changed):
    """The enrolment secret of these tests, some of it changed."""
    plain = {"lookup": "look4321", "secret": Secret(b"s" * 16), "pin": pin_of(signer().certificate)}
    return EnrolmentSecret(**{**plain, **changed})


def signer():
    return authority()


@define(kw_only=True)
class EnrolmentDesk:
    """`Doorkeeper` that knows one secret; what it answers may be spoilt."""

    knows: EnrolmentSecret = field(factory=secret)
    uses: int = 1
    reason: str = "used up"
    issue: object = None
    """Makes another certificate of the key that was asked for."""
    certificate: bytes | None = None
    trusted: bytes | None = None
    proof: bytes | None = None
    """Said instead of what is right, with a right proof over it, and instead of that."""
    silent: bool = False
    told: list = field(factory=list)
    fingerprint: str = ""

    def peer(self, transport):
        return peer_of(transport)

    def why_ended(self, transport, failure):
        return why_tls_failed(transport, failure)

    def is_revoked(self, peer):
        return False

    async def enrol(self, application, transport):
        self.told.append(application)
        if self.silent:
            await Deferred()
        channel = channel_of(transport, own_certificate(transport))
        known = self.knows.secret
        if application.lookup != self.knows.lookup or not channel.proves(
            application.proof, known, "rack", application.request
        ):
            raise EnrolmentRefused("the enrolment secret is unknown or wrong")
        if not self.uses:
            raise EnrolmentRefused(f'enrolment "name" is {self.reason}')
        self.uses -= 1
        issue = self.issue or (lambda key: issue_for_rack(signer(), key, NEW_RACK, now()))
        issued = issue(key_of_request(application.request))
        said = (
            self.certificate or certificate_der(issued),
            self.trusted or certificate_pem(signer().certificate),
        )
        proof = channel.proof(known, "region", application.request, *said)
        return Enrolled(certificate=said[0], authorities=said[1], proof=self.proof or proof)


class RegionEnd:
    """Listens on a port of loopback; notes each byte that it hears within TLS."""

    def __init__(self, door, tls):
        self.door = door
        self.heard = b""
        self.sessions = []
        desk = Desk(world=World(), door=door)  # its clock stands still: nothing is too late
        self._listener = RackListener(desk.reception())
        factory = TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=self)
        factory.noisy = False
        self.port = reactor.listenTCP(0, factory, interface=HERE)

    noisy = False

    def doStart(self):  # noqa: N802
        pass

    def doStop(self):  # noqa: N802
        pass

    def buildProtocol(self, addr):
        session = self._listener.buildProtocol(addr)
        listen = session.dataReceived

        def listening(data):
            self.heard += data
            listen(data)

        session.dataReceived = listening
        self.sessions.append(session)
        return session

    @property
    def endpoint(self):
        return endpoint_of_port(self.port.getHost().port)

    async def stop(self):
        await self.port.stopListening()
        for session in self.sessions:
            session.abort()
        while any(session.is_open for session in self.sessions):
            await turn()


@asynccontextmanager
async def region_end(door=None, *, identity=None, trusted=None):
    """A region's end that shows this certificate, with these authorities after it."""
    shown = RegionTls(identity or region_identity(), trusted or [signer().certificate])
    end = RegionEnd(door or EnrolmentDesk(), shown)
    try:
        yield end
    finally:
        await end.stop()


async def turn():
    """Let the reactor turn once."""
    waiting = Deferred()
    reactor.callLater(0, waiting.callback, None)
    await waiting


def endpoint_of_port(number):
    return TCP4ClientEndpoint(reactor, HERE, number)


def newcomer(known=None, *, clock=None, at=None):
    """A rack that would like to join; its clocks stand still unless the test moves them."""
    return Newcomer(
        hostname="rack7",
        secret=known or secret(),
        clock=clock or Clock(),
        wall_clock=lambda: at or now(),
    )
