"""The door through which a running dhcpd is asked and told things: OMAPI's port and key."""

import base64
import binascii
from typing import Any, Final

from attrs import Attribute, field, frozen

OMAPI_KEY_NAME: Final = "evenrack"
OMAPI_ALGORITHM: Final = "hmac-sha256"
"""How both ends sign (dhcpd.conf(5), "key")."""

_LEAST_KEY_BYTES = 16
_MOST_KEY_BYTES = 64
_LARGEST_PORT = 65535


def _port(_: Any, __: "Attribute[int]", port: int) -> None:
    if not 1 <= port <= _LARGEST_PORT:
        raise ValueError(f"OMAPI port {port} is not 1 to {_LARGEST_PORT}")


def _key(_: Any, __: "Attribute[str]", key: str) -> None:
    """Refuse what is no key, without a word of it: the message may be logged."""
    try:
        secret = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    exact = base64.b64encode(secret).decode() == key
    if not exact or not _LEAST_KEY_BYTES <= len(secret) <= _MOST_KEY_BYTES:
        raise ValueError(
            f"the OMAPI key is not {_LEAST_KEY_BYTES} to {_MOST_KEY_BYTES} bytes in base64"
        )


@frozen(kw_only=True)
class OmapiAccess:
    """Where dhcpd listens for OMAPI, on all addresses, and the key that every request needs.

    ValueError for a port or a key that cannot be one.
    """

    port: int = field(validator=_port)
    """TCP, 1 to 65535."""
    key: str = field(validator=_key, repr=False)
    """16 to 64 random bytes in base64 (RFC 4648, section 4)."""
