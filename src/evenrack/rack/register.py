"""Enrols this rack: proves the enrolment secret to a region, and gets its certificate.

The region's authority is known by its pin before anything is said; each side's proof is bound to
this TLS connection and to the region's certificate (`trust.enrolment`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen
from cryptography import x509
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.errors import EnrolmentRefused, NotTrusted, RegionUnreachable
from evenrack.model.identifiers import RackId
from evenrack.rack.state_folder import StateFolder
from evenrack.trust.certificates import (
    Identity,
    certificate_from_der,
    certificates_from_pem,
    new_key,
    new_request,
    pin_of,
    rack_of,
    refuse_other_region,
    refuse_wrong_time,
)
from evenrack.trust.enrolment import EnrolmentSecret
from evenrack.trust.tls import NewcomerTls, channel_of, shown_certificates, why_tls_failed
from evenrack.wire.region_commands import Enrol
from evenrack.wire.session import LinkEnd

ANSWER_SECONDS = 10.0
MOST_ANSWER_BYTES = 64 * 1024


@frozen(kw_only=True)
class Newcomer:
    """Who wants to join, and with what."""

    hostname: str
    secret: EnrolmentSecret
    clock: IReactorTime
    wall_clock: Callable[[], datetime]


@frozen(kw_only=True)
class Joined:
    """What a rack has once it is enrolled."""

    rack: RackId
    identity: Identity = field(repr=False)
    authorities: tuple[x509.Certificate, ...] = field(repr=False)

    def keep(self, state: StateFolder) -> None:
        """Write it down, the certificate last: with it the rack counts as enrolled."""
        state.keep_rack_id(self.rack)
        state.trust.keep_authorities(self.authorities)
        state.trust.keep_identity(self.identity)


async def register(endpoint: IStreamClientEndpoint, newcomer: Newcomer) -> Joined:
    """Join through one region.

    RegionUnreachable: nobody answers there, another may. NotTrusted: who answers is not of the
    cluster that made the secret, or a clock is wrong. EnrolmentRefused: the region does not take
    the rack.
    """
    session = await _connected(endpoint, newcomer)
    try:
        joining = Deferred.fromCoroutine(_join(session, newcomer))
        return await joining.addTimeout(ANSWER_SECONDS, newcomer.clock)
    except (EnrolmentRefused, NotTrusted, RegionUnreachable):
        raise
    except Exception as problem:
        why = session.why_ended or f"{type(problem).__name__}: {problem}"
        raise RegionUnreachable(f"the region gave no answer: {why}") from problem
    finally:
        session.close()


@implementer(IHandshakeListener)
class EnrolmentSession(LinkEnd):
    """The link of a rack that has no certificate yet."""

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__(
            clock,
            silence_seconds=ANSWER_SECONDS,
            most_box_bytes=MOST_ANSWER_BYTES,
            most_pending=0,
        )
        self.shaken: Deferred[None] = Deferred()
        self.why_ended: str | None = None

    def handshakeCompleted(self) -> None:
        self.shaken.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.why_ended = why_tls_failed(self.transport, reason)
        super().connectionLost(reason)
        if not self.shaken.called:
            why = self.why_ended or "the connection ended in the handshake"
            self.shaken.errback(RegionUnreachable(why))


async def _connected(endpoint: IStreamClientEndpoint, newcomer: Newcomer) -> EnrolmentSession:
    factory = Factory.forProtocol(lambda: EnrolmentSession(newcomer.clock))
    factory.noisy = False
    try:
        session: Any = await wrapClientTLS(NewcomerTls(), endpoint).connect(factory)
        await session.shaken.addTimeout(ANSWER_SECONDS, newcomer.clock)
    except RegionUnreachable:
        raise
    except Exception as problem:
        raise RegionUnreachable(str(problem) or type(problem).__name__) from problem
    return session  # type: ignore[no-any-return]


async def _join(session: EnrolmentSession, newcomer: Newcomer) -> Joined:
    now = newcomer.wall_clock()
    region = _checked_region(session, newcomer.secret.pin, now)
    channel, secret = channel_of(session.transport, region), newcomer.secret
    key = new_key()
    request = new_request(key)
    answer = await session.callRemote(
        Enrol,
        lookup=secret.lookup,
        request=request,
        proof=channel.proof(secret.secret, "rack", request),
        hostname=newcomer.hostname,
    )
    said = (answer["certificate"], answer["authorities"])
    if not channel.proves(answer["proof"], secret.secret, "region", request, *said):
        raise NotTrusted("the region did not prove that it knows the enrolment secret")
    return _checked_answer(key, *said, now)


def _checked_region(session: EnrolmentSession, pin: str, now: datetime) -> x509.Certificate:
    """See that the other end is a region of the cluster that made the secret."""
    shown = shown_certificates(session.transport)
    authority = next((each for each in shown[1:] if pin_of(each) == pin), None)
    if authority is None:
        raise NotTrusted(
            "who answers is not of the cluster that made the enrolment secret, or its authority "
            "was changed since: nothing was told; make a new secret, or look who answers there"
        )
    refuse_other_region(shown[0], authority, now)
    return shown[0]


def _checked_answer(key: Any, certificate: bytes, authorities: bytes, now: datetime) -> Joined:
    try:
        signed, trusted = certificate_from_der(certificate), certificates_from_pem(authorities)
    except ValueError as problem:
        raise NotTrusted(f"the region's answer cannot be read: {problem}") from None
    rack = rack_of(signed)
    if rack is None or signed.public_key() != key.public_key():
        raise NotTrusted("the region signed another certificate than was asked for")
    refuse_wrong_time(signed, now)
    return Joined(rack=rack, identity=Identity(key=key, certificate=signed), authorities=trusted)


async def register_anywhere(
    endpoints: Sequence[tuple[str, IStreamClientEndpoint]],
    newcomer: Newcomer,
    told: Callable[[str], None],
) -> Joined:
    """Join through the first region that takes this rack; `told` hears why others did not."""
    failures: list[str] = []
    refused: EnrolmentRefused | None = None
    for name, endpoint in endpoints:
        try:
            return await register(endpoint, newcomer)
        except RegionUnreachable as problem:
            failures.append(f"{name}: {problem}")
            told(failures[-1])
        except EnrolmentRefused as problem:  # a host without the key cannot check the secret
            refused = refused or problem
            told(f"{name}: {problem}")
    raise refused or RegionUnreachable("; ".join(failures))
