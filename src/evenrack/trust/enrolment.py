"""How a new rack and a region prove to each other that they know one enrolment secret.

The secret is written `lookup.secret.pin`: the name by which the region finds it, 128 random bits,
and the authority's pin (`certificates.pin_of`). The rack checks the pin before it says anything;
each proof is bound to this very TLS connection (RFC 9266 in spirit: a TLS exporter, RFC 8446 7.5)
and to the region's certificate, so that a host in the middle can pass nothing on.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import Literal

from attrs import frozen

from evenrack.config.secret_file import Secret

SECRET_BYTES = 16
LOOKUP_CHARACTERS = 8
EXPORTER_LABEL = b"EXPORTER-evenrack-enrolment"
EXPORTER_BYTES = 32

_SHAPE = re.compile(r"([0-9a-z]{8})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")

Side = Literal["region", "rack"]


@frozen(kw_only=True)
class EnrolmentSecret:
    """What a new rack is given, once."""

    lookup: str
    secret: Secret
    pin: str

    def reveal(self) -> str:
        """Write it down for the rack's file."""
        encoded = base64.urlsafe_b64encode(self.secret.reveal()).decode().rstrip("=")
        return f"{self.lookup}.{encoded}.{self.pin}"


def enrolment_secret_from_text(text: str) -> EnrolmentSecret:
    """Read a secret; ValueError, which does not show it, when it is none."""
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        raise ValueError("is no enrolment secret; `evenrack enrolment create` makes one")
    lookup, encoded, pin = found.groups()
    try:
        secret = base64.urlsafe_b64decode(f"{encoded}==")
    except binascii.Error:  # pragma: no cover  22 characters of the alphabet always decode
        raise ValueError("is no enrolment secret") from None
    return EnrolmentSecret(lookup=lookup, secret=Secret(secret), pin=pin)


@frozen(kw_only=True)
class Channel:
    """What a proof is bound to: this TLS connection, and the region's certificate."""

    exporter: bytes
    region_certificate: bytes
    """DER."""

    def proof(self, secret: Secret, side: Side, *said: bytes) -> bytes:
        """Make the 32 bytes by which this side shows that it knows the secret (RFC 2104)."""
        parts = [self.exporter, self.region_certificate, *said]
        message = b"\0".join([b"evenrack enrolment 1", side.encode(), b""]) + b"".join(
            hashlib.sha256(part).digest() for part in parts
        )
        return hmac.new(secret.reveal(), message, hashlib.sha256).digest()

    def proves(self, given: bytes, secret: Secret, side: Side, *said: bytes) -> bool:
        """Tell whether this is the proof that the side had to make; takes the same time for all."""
        return hmac.compare_digest(given, self.proof(secret, side, *said))
