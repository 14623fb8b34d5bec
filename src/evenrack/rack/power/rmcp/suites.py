"""The cipher suites that are spoken: both prove, protect and encrypt (IPMI 2.0, 22.15.2)."""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

AES_CBC_128: Final = 1
"""The only encryption that is spoken (IPMI 2.0, table 13-19)."""


@frozen(kw_only=True)
class Suite:
    """Three algorithms that go together."""

    number: int
    """Its id (IPMI 2.0, table 22-20)."""
    authentication: int
    """The number of the algorithm by which both ends prove the password (table 13-17)."""
    integrity: int
    """That by which a datagram is proved (table 13-18)."""
    confidentiality: int = AES_CBC_128
    digest: str
    """The hash of both."""
    digest_bytes: int
    code_bytes: int
    """How much of a proof is sent with a datagram, and in RAKP message 4."""

    @property
    def algorithms(self) -> tuple[int, int, int]:
        """Give the numbers in the order in which they are agreed on."""
        return self.authentication, self.integrity, self.confidentiality

    def proof(self, key: bytes, text: bytes) -> bytes:
        """Give the whole HMAC of a text."""
        return hmac.digest(key, text, self.digest)

    def code(self, key: bytes, text: bytes) -> bytes:
        """Give as much of the HMAC as is sent."""
        return hmac.digest(key, text, self.digest)[: self.code_bytes]


SUITES: Final[Mapping[int, Suite]] = MappingProxyType(
    {
        3: Suite(
            number=3,
            authentication=1,  # RAKP-HMAC-SHA1
            integrity=1,  # HMAC-SHA1-96
            digest="sha1",
            digest_bytes=20,
            code_bytes=12,
        ),
        17: Suite(
            number=17,
            authentication=3,  # RAKP-HMAC-SHA256
            integrity=4,  # HMAC-SHA256-128
            digest="sha256",
            digest_bytes=32,
            code_bytes=16,
        ),
    }
)
