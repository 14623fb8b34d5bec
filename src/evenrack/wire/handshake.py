"""The mutual proof that both ends know the cluster's secret: HMAC-SHA-256 over both nonces.

The rack sends a nonce; the region answers with its own and its proof; the rack checks it, then
sends its proof. Each proof names the side that made it, so that none can be sent back (RFC 2104;
ISO/IEC 9798-4, three-pass mutual authentication).
"""

import hashlib
import hmac
from typing import Literal

NONCE_BYTES = 32

Side = Literal["region", "rack"]


def proof(secret: bytes, side: Side, rack_nonce: bytes, region_nonce: bytes) -> bytes:
    """Make the 32 bytes by which this side shows that it knows the secret."""
    if len(rack_nonce) != NONCE_BYTES or len(region_nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    message = b"\0".join([b"evenrack handshake 1", side.encode(), rack_nonce + region_nonce])
    return hmac.new(secret, message, hashlib.sha256).digest()


def proves(given: bytes, secret: bytes, side: Side, rack_nonce: bytes, region_nonce: bytes) -> bool:
    """Tell whether this is the proof that the side had to make; takes the same time for all."""
    return hmac.compare_digest(given, proof(secret, side, rack_nonce, region_nonce))
