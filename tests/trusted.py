"""Certificates for tests: one authority for all of them, another one for strangers."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from evenrack.errors import EnrolmentRefused
from evenrack.model.identifiers import RackId
from evenrack.rack.state_folder import StateFolder
from evenrack.trust.certificates import (
    Identity,
    issue_for_rack,
    issue_for_region,
    new_authority,
    new_key,
)
from evenrack.trust.files import TrustFiles
from evenrack.trust.tls import Peer

RACK = RackId("rack0001")


def now():
    return datetime.now(UTC)


@cache
def authority(name="the cluster's"):
    """One authority for each name."""
    return new_authority(now())


def rack_identity(rack=RACK, *, by=None, at=None):
    """A rack's key and certificate, signed by the cluster's authority at some moment."""
    key = new_key()
    signer = by or authority()
    return Identity(
        key=key, certificate=issue_for_rack(signer, key.public_key(), rack, at or now())
    )


def region_identity(region="region1", *, by=None, at=None):
    key = new_key()
    signer = by or authority()
    return Identity(
        key=key, certificate=issue_for_region(signer, key.public_key(), region, at or now())
    )


def expired():
    """A moment so long ago that what was signed then is good no more."""
    return now() - timedelta(days=31)


def not_yet():
    """A moment so far ahead that what is signed for then is not good yet."""
    return now() + timedelta(days=1)


def enrol(folder, rack, *, by=None):
    """Make a state folder that of an enrolled rack, unless it is one already."""
    state = StateFolder(folder)
    if not state.trust.are_there:
        state.keep_rack_id(RackId(rack))
        state.trust.keep_authorities([(by or authority()).certificate])
        state.trust.keep_identity(rack_identity(RackId(rack), by=by))
    return state


def equip(folder, region="region1", *, by=None):
    """Make a state folder that of a region host with a certificate, unless it is one already."""
    files = TrustFiles(folder, cure="this is a test")
    if not files.are_there:
        files.keep_authorities([(by or authority()).certificate])
        files.keep_identity(region_identity(region, by=by))
    return files


def handmade(*names, usage=None, by=None, key=None, at=None):
    """A key and a certificate such as no part of evenrack makes; `by` None signs it with its key.

    `names` are of x509.GeneralName, `usage` is an ExtendedKeyUsageOID or None for none at all.
    """
    key, at = key or new_key(), at or now()
    name = x509.Name([]) if by else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + timedelta(days=30))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return Identity(key=key, certificate=builder.sign(by.key if by else key, hashes.SHA256()))


class OpenDoor:
    """A doorkeeper for links without TLS: whoever is at the other end is told beforehand."""

    def __init__(self, who=lambda _transport: Peer(rack=RACK, serial="5e1a1")):
        self.who = who
        self.revoked = set()
        self.fingerprint = ""
        self.told = []
        self.answer = EnrolmentRefused("nobody is let in here")

    def peer(self, transport):
        return self.who(transport)

    def why_ended(self, transport, failure):
        return None

    def is_revoked(self, peer):
        return peer.serial in self.revoked

    async def enrol(self, application, transport):
        self.told.append(("enrol", application))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def renew(self, peer, request):
        self.told.append(("renew", peer.rack))
        return b"certificate"

    async def authorities(self, rack, known):
        self.told.append(("authorities", rack, known))
        return b"authorities"


class NoTrust:
    """A rack's trust where links have no certificates."""

    def trusted(self):
        return ""

    def trust(self, told):
        pass

    def why_ended(self, transport, failure):
        return None
