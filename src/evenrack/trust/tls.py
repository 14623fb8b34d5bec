"""TLS 1.3 between racks and regions (RFC 8446), over Twisted's and OpenSSL's.

What an end presents and trusts may change while it runs: each new connection asks anew. Nothing is
resumed: session keys would outlive a revoked certificate.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast
from weakref import WeakKeyDictionary

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from evenrack.model.identifiers import RackId
from evenrack.trust.certificates import (
    REGION_NAME,
    Identity,
    certificate_der,
    is_for_region,
    issued_at,
    rack_of,
    serial_of,
)
from evenrack.trust.enrolment import EXPORTER_BYTES, EXPORTER_LABEL, Channel

_WHY = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is signed by itself",
    19: "the certificate is of another cluster's authority",
    20: "the certificate is of another cluster's authority",
    21: "the certificate is of another cluster's authority",
    26: "the certificate is not for this end of a link",
}
"""OpenSSL's verification errors that occur here (`X509_V_ERR_..`, openssl-verification-options)."""

_NOT_A_REGION = "the certificate at the other end is not a region's"

_ALERTS = {
    "certificate expired": "the other end says that this end's certificate has expired",
    "certificate unknown": "the other end does not take this end's certificate",
    "bad certificate": "the other end says that this end's certificate is not valid now",
    "unknown ca": "the other end says that this end's certificate is of another cluster",
    "unsupported certificate": "the other end says that this end's certificate is not for this",
    "internal error": "the other end does not take this end's certificate, or failed itself",
    "protocol version": "the other end does not speak TLS 1.3",
    "unsupported protocol": "the other end does not speak TLS 1.3",
    "wrong version number": "the other end does not speak TLS",
    "http request": "the other end speaks HTTP, and this port does not",
}
"""Words of OpenSSL's errors, and what they mean here; the alerts are those of RFC 8446, 6.2."""

_PROBLEMS: "WeakKeyDictionary[Any, str]" = WeakKeyDictionary()
"""What was wrong with the certificate at the other end of a connection."""


@frozen(kw_only=True)
class Peer:
    """Who is at the other end of a link, by its certificate."""

    rack: RackId | None
    """None: it showed no certificate."""
    serial: str = ""
    issued_at: datetime | None = None
    expires_at: datetime | None = None


@implementer(IOpenSSLServerConnectionCreator)
class RegionTls:
    """The region's end: presents its certificate, and asks for one without insisting.

    Who has none may only enrol; what a certificate is worth is decided at the first command.
    """

    def __init__(self, identity: Identity, authorities: Sequence[x509.Certificate]) -> None:
        self.use(identity, authorities)

    def use(self, identity: Identity, authorities: Sequence[x509.Certificate]) -> None:
        """Present this and trust those from the next connection on."""
        self._context = ssl.CertificateOptions(
            **_shown(identity),
            # a rack that enrols finds the authority by its pin
            extraCertChain=cast("list[crypto.X509]", [*authorities]),
            verify=True,
            caCerts=[_openssl(authority) for authority in authorities],
            requireCertificate=False,
            enableSessions=False,
            raiseMinimumTo=ssl.TLSVersion.TLSv1_3,
        ).getContext()

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_verify(SSL.VERIFY_PEER, _remember(tlsProtocol))
        return connection


@implementer(IOpenSSLClientConnectionCreator)
class RackTls:
    """The rack's end: presents its certificate, and speaks to nobody but a region."""

    def __init__(self, identity: Identity, authorities: Sequence[x509.Certificate]) -> None:
        self.use(identity, authorities)

    def use(self, identity: Identity, authorities: Sequence[x509.Certificate]) -> None:
        """Present this and trust those from the next connection on."""
        self._options = ssl.optionsForClientTLS(
            REGION_NAME,
            trustRoot=ssl.trustRootFromCertificates(
                [ssl.Certificate(_openssl(authority)) for authority in authorities]
            ),
            extraCertificateOptions={
                **_shown(identity),
                "raiseMinimumTo": ssl.TLSVersion.TLSv1_3,
            },
        )

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        # in the place of Twisted's own, which checks the name there: so this one has to
        connection.set_verify(SSL.VERIFY_PEER, _remember(tlsProtocol, is_right=is_for_region))
        return connection


@implementer(IOpenSSLClientConnectionCreator)
class NewcomerTls:
    """The end of a rack that is not enrolled yet: it knows a pin only, and checks that itself."""

    def clientConnectionForTLS(self, _protocol: Any) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_verify(SSL.VERIFY_NONE)
        connection = SSL.Connection(context, None)
        connection.set_tlsext_host_name(REGION_NAME.encode())
        return connection


def peer_of(transport: Any) -> Peer:
    """Tell who is at the other end of a connection whose handshake is over."""
    shown = transport.getPeerCertificate()
    if shown is None:
        return Peer(rack=None)
    certificate = shown.to_cryptography()
    return Peer(
        rack=rack_of(certificate),
        serial=serial_of(certificate),
        issued_at=issued_at(certificate),
        expires_at=certificate.not_valid_after_utc,
    )


def channel_of(transport: Any, region_certificate: x509.Certificate) -> Channel:
    """Give what an enrolment proof on this connection is bound to (RFC 8446, 7.5)."""
    exporter = _connection(transport).export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES)
    return Channel(exporter=exporter, region_certificate=certificate_der(region_certificate))


def own_certificate(transport: Any) -> x509.Certificate:
    """Give the certificate that this end showed."""
    shown = _connection(transport).get_certificate()
    if shown is None:
        raise ValueError("this end showed no certificate")
    return shown.to_cryptography()


def shown_certificates(transport: Any) -> list[x509.Certificate]:
    """Give what the other end showed: its own certificate first. Believe none of it yet."""
    chain = _connection(transport).get_peer_cert_chain() or []
    return [each.to_cryptography() for each in chain]


def why_tls_failed(transport: Any, failure: Failure) -> str | None:
    """Say why a connection ended, if TLS ended it; None for any other end."""
    remembered = None if transport is None else _PROBLEMS.get(transport)
    if remembered is not None:
        return remembered
    if not failure.check(SSL.Error):
        return None
    words = "; ".join(str(entry[-1]) for entry in _entries(failure.value))
    for known, meaning in _ALERTS.items():
        if known in words:
            return meaning
    return f"TLS failed: {words or 'no reason was given'}"


def _entries(problem: object) -> Sequence[Sequence[object]]:
    arguments = getattr(problem, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], list) else []


def _remember(
    protocol: Any, is_right: Callable[[x509.Certificate], bool] = lambda _: True
) -> Callable[[SSL.Connection, crypto.X509, int, int, int], bool]:
    """Note what OpenSSL finds wrong; what it finds right must be so for us, too."""

    def verified(
        _connection: SSL.Connection, shown: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            _PROBLEMS[protocol] = _WHY.get(code, f"the certificate is not right (OpenSSL {code})")
        elif depth == 0 and not is_right(shown.to_cryptography()):
            _PROBLEMS[protocol] = _NOT_A_REGION
            return False
        return bool(ok)

    return verified


def _connection(transport: Any) -> SSL.Connection:
    """Reach OpenSSL's own object, for which Twisted has no public way; a test holds it there."""
    return cast("SSL.Connection", transport._tlsConnection)  # noqa: SLF001


def _shown(identity: Identity) -> dict[str, Any]:
    """Give what an end shows; Twisted hands it to OpenSSL, which asks for no form of its own."""
    return {"privateKey": identity.key, "certificate": identity.certificate}


def _openssl(certificate: x509.Certificate) -> crypto.X509:
    """Give the form that only OpenSSL's store of trusted certificates still asks for."""
    return crypto.X509.from_cryptography(certificate)
