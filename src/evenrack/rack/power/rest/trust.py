"""Whose certificate a Redfish BMC may show: one with a known fingerprint, or of an authority.

What fails here ends the handshake, and nothing was told to who is at the other end.
"""

import hashlib
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from attrs import define
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from evenrack.errors import BmcNotTrusted
from evenrack.model.power import BmcAccess
from evenrack.runtime.log_format import error_text
from evenrack.trust.certificates import certificate_der

_WHY: Final = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself: no authority that this rack trusts has signed it",
    19: "no authority that this rack trusts has signed it",
    20: "no authority that this rack trusts has signed it",
    21: "no authority that this rack trusts has signed it",
}
"""OpenSSL's verification errors (`X509_V_ERR_..`, openssl-verification-options)."""


class BmcTrust:
    """Makes the rack's end of TLS for each BMC."""

    def __init__(self, authorities: Any = None) -> None:
        """Trust these (a Twisted `IOpenSSLTrustRoot`), or those that the host trusts."""
        self._authorities = ssl.platformTrust() if authorities is None else authorities
        self._contexts: dict[bool, SSL.Context] = {}

    def end_for(self, access: BmcAccess) -> "BmcEnd":
        """Make the rack's end for this BMC; BmcNotTrusted when no certificate can be for it."""
        pinned = bool(access.certificate_sha256)
        if pinned not in self._contexts:
            roots = {} if pinned else {"trustRoot": self._authorities}
            self._contexts[pinned] = ssl.CertificateOptions(**roots).getContext()
        name = access.certificate_name or str(access.address)
        verify = _has_fingerprint(access.certificate_sha256) if pinned else _is_named(name)
        return BmcEnd(context=self._contexts[pinned], asked=_asked_for(name), verify=verify)


Verify = Callable[[crypto.X509, int, int, bool], str | None]
"""What is wrong with a certificate, of which OpenSSL tells its error, depth, and verdict."""


@implementer(IOpenSSLClientConnectionCreator)
@define(kw_only=True, eq=False)
class BmcEnd:
    """The rack's end of connections to one BMC."""

    context: SSL.Context
    asked: bytes
    """Whose certificate is asked for (RFC 6066, 3); empty: an address's, which cannot be said."""
    verify: Verify
    problem: str | None = None
    """What was wrong with the certificate that was shown last."""

    def clientConnectionForTLS(self, _protocol: Any) -> SSL.Connection:  # noqa: N802  Twisted's
        self.problem = None
        connection = SSL.Connection(self.context, None)
        if self.asked:
            connection.set_tlsext_host_name(self.asked)
        connection.set_verify(SSL.VERIFY_PEER, self._verified)
        return connection

    def _verified(
        self, _connection: SSL.Connection, shown: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        try:
            self.problem = self.verify(shown, code, depth, bool(ok))
        except Exception as problem:  # noqa: BLE001  whatever a stranger has put into it
            self.problem = f"it cannot be read: {error_text(problem)}"
        return self.problem is None


def _has_fingerprint(wanted: str) -> Verify:
    def verify(shown: crypto.X509, _code: int, depth: int, _ok: bool) -> str | None:  # noqa: FBT001
        if depth > 0:
            return None
        digest = hashlib.sha256(certificate_der(shown.to_cryptography())).hexdigest()
        return None if digest == wanted else f"its SHA-256 fingerprint is {digest}"

    return verify


def _is_named(name: str) -> Verify:
    def verify(shown: crypto.X509, code: int, depth: int, ok: bool) -> str | None:  # noqa: FBT001
        if not ok:
            return _WHY.get(code, f"it is not right (OpenSSL {code})")
        if depth > 0:
            return None
        check = verify_certificate_ip_address if _is_address(name) else verify_certificate_hostname
        try:
            check(shown.to_cryptography(), name)
        except (CertificateError, VerificationError):
            return f"it is not for {name}"
        return None

    return verify


def _asked_for(name: str) -> bytes:
    if _is_address(name):
        return b""
    try:
        return name.encode("idna")
    except UnicodeError as problem:
        raise BmcNotTrusted(
            f"no certificate can be for {name[:80]!r}, which is no name of a host "
            f"({error_text(problem)}): set another --certificate-name; the BMC was told nothing"
        ) from None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
