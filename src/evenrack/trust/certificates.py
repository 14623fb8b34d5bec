"""Certificates of the cluster's own authority: P-256, X.509 version 3 (RFC 5280).

A rack's certificate is good for a client only and names the rack in a URI; a region's is good for
a server only and has one name for all regions, whatever address a rack dialled.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evenrack.errors import NotTrusted
from evenrack.model.identifiers import RackId, rack_id_from_text

REGION_NAME = "region.evenrack.internal"
RACK_URI = "evenrack://rack/"
AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=30)
BACKDATED = timedelta(hours=18)
"""A host whose clock is behind by so much still takes a new certificate. It is more than any two
time zones differ: a clock that is hours off was mostly set in another one. One that is a day off
is told so."""

Key = ec.EllipticCurvePrivateKey


@frozen(kw_only=True)
class Identity:
    """A certificate and its key; the key shows in no repr."""

    key: Key = field(repr=False)
    certificate: x509.Certificate = field(repr=False)

    @property
    def pem(self) -> bytes:
        """Give the private key (PKCS #8) and the certificate, one after the other."""
        return key_pem(self.key) + certificate_pem(self.certificate)


def new_key() -> Key:
    """Make a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(now: datetime) -> Identity:
    """Make an authority that signs itself; `now` is UTC."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evenrack authority")])
    builder = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    return Identity(key=key, certificate=builder.sign(key, hashes.SHA256()))


def issue_for_rack(
    authority: Identity, key: ec.EllipticCurvePublicKey, rack: RackId, now: datetime
) -> x509.Certificate:
    """Sign a certificate by which this rack connects to regions."""
    names = [x509.UniformResourceIdentifier(f"{RACK_URI}{rack}")]
    return _leaf(authority, key, rack, names, ExtendedKeyUsageOID.CLIENT_AUTH, now)


def issue_for_region(
    authority: Identity, key: ec.EllipticCurvePublicKey, region: str, now: datetime
) -> x509.Certificate:
    """Sign a certificate by which the processes of this region host answer racks."""
    names = [x509.DNSName(REGION_NAME)]
    return _leaf(authority, key, region, names, ExtendedKeyUsageOID.SERVER_AUTH, now)


def new_request(key: Key) -> bytes:
    """Ask for a certificate for this key (PKCS #10, DER). Who it is for the region decides."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def key_of_request(request: bytes) -> ec.EllipticCurvePublicKey:
    """Read which key a request is for; NotTrusted unless it is P-256 and signed with that key."""
    refusal = NotTrusted("this is no signing request for a P-256 key, signed with that key")
    try:
        asked = x509.load_der_x509_csr(request)
        key, is_signed = asked.public_key(), asked.is_signature_valid
    except Exception:  # noqa: BLE001  the parser has many ways to say that it is no request
        raise refusal from None
    if not is_signed or not isinstance(key, ec.EllipticCurvePublicKey) or not _is_p256(key):
        raise refusal
    return key


def rack_of(certificate: x509.Certificate) -> RackId | None:
    """Tell which rack a certificate is for; None for any other certificate."""
    names = _names(certificate)
    if names is None:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or not uris[0].startswith(RACK_URI):
        return None
    try:
        return rack_id_from_text(uris[0].removeprefix(RACK_URI))
    except ValueError:
        return None


def serial_of(certificate: x509.Certificate) -> str:
    """Name a certificate as the tables do: its serial number in hexadecimal digits."""
    return f"{certificate.serial_number:x}"


def issued_at(certificate: x509.Certificate) -> datetime:
    """Tell when a certificate of a rack or a region was signed, to the second."""
    return certificate.not_valid_before_utc + BACKDATED


def pin_of(certificate: x509.Certificate) -> str:
    """Name an authority by the SHA-256 of its public key (SubjectPublicKeyInfo), 64 digits."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def fingerprint_of(authorities: Iterable[x509.Certificate]) -> str:
    """Name a list of authorities; the order counts, since the first of them signs."""
    pins = "\n".join(pin_of(authority) for authority in authorities)
    return hashlib.sha256(pins.encode()).hexdigest()[:16]


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether this authority signed this certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def is_for_region(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is one by which regions answer; not who signed it."""
    names = _names(certificate)
    return (
        names is not None
        and REGION_NAME in names.get_values_for_type(x509.DNSName)
        and ExtendedKeyUsageOID.SERVER_AUTH in _usages(certificate)
    )


def refuse_other_region(
    certificate: x509.Certificate, authority: x509.Certificate, now: datetime
) -> None:
    """Check a region's certificate by hand, where TLS could not: NotTrusted says what is wrong."""
    if not is_issued_by(certificate, authority):
        raise NotTrusted("the region's certificate is not signed by its authority")
    if not is_for_region(certificate):
        raise NotTrusted("the certificate at the other end is not a region's")
    refuse_wrong_time(certificate, now)


def refuse_wrong_time(certificate: x509.Certificate, now: datetime) -> None:
    """See that a certificate is good now, by this host's clock."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if first <= now <= last:
        return
    raise NotTrusted(
        f"the certificate is good from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, and "
        f"this host's clock says {now:%Y-%m-%d %H:%M}: is the clock right?"
    )


def renewal_time(certificate: x509.Certificate, jitter: float) -> datetime:
    """Tell when to renew: after two thirds of its life, one twentieth sooner or later.

    `jitter` is from 0 to 1, and the host's own, so that a fleet does not renew all at once.
    """
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return first + (last - first) * (2 / 3 + (jitter - 0.5) / 10)


def key_pem(key: Key) -> bytes:
    """Write a key down, in the clear."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate down."""
    return certificate.public_bytes(Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """Give a certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)


def certificates_from_pem(text: bytes) -> tuple[x509.Certificate, ...]:
    """Read certificates; ValueError when there is none or one is damaged."""
    found = _readable(lambda: x509.load_pem_x509_certificates(text))
    if len(found) != text.count(b"-----BEGIN CERTIFICATE-----"):
        raise ValueError("a certificate is cut off")  # the parser passes over it
    return found


def certificate_from_der(content: bytes) -> x509.Certificate:
    """Read a certificate; ValueError when it is none."""
    return _readable(lambda: [x509.load_der_x509_certificate(content)])[0]


def identity_from_pem(text: bytes) -> Identity:
    """Read a key and its certificate; ValueError when one is missing, damaged or another's."""
    try:
        key = load_pem_private_key(text, None)
    except (TypeError, UnsupportedAlgorithm) as problem:  # an encrypted key, a damaged one
        raise ValueError(str(problem)) from None
    certificate = certificates_from_pem(text)[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not _is_p256(key.public_key()):
        raise ValueError("the key is no P-256 key")
    if key.public_key() != certificate.public_key():
        raise ValueError("the key is not the certificate's")
    return Identity(key=key, certificate=certificate)


def _readable(load: Callable[[], Iterable[x509.Certificate]]) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(load())
        for certificate in found:
            certificate.public_key()  # it is read late
    except Exception as problem:  # noqa: BLE001  the parser has many ways to say that it is damaged
        raise ValueError(str(problem)) from None
    return found


def _leaf(
    authority: Identity,
    key: ec.EllipticCurvePublicKey,
    subject: str,
    names: Sequence[x509.GeneralName],
    usage: x509.ObjectIdentifier,
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])])
    builder = (
        _builder(name, authority.certificate.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


_UNREADABLE = (
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    ValueError,
)
"""How cryptography says that a certificate has no such extension, or none that can be read."""


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _UNREADABLE:
        return None


def _usages(certificate: x509.Certificate) -> Sequence[x509.ObjectIdentifier]:
    try:
        return [*certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]
    except _UNREADABLE:
        return []


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
