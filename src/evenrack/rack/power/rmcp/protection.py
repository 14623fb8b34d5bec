"""Datagrams within a session: encrypted and proved (IPMI 2.0, 13.6, 13.28.4 and 13.29): pure."""

import hmac
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from evenrack.rack.power.rmcp.packets import (
    PROTECTED,
    RMCP_HEADER,
    read_packet,
    session_header,
)
from evenrack.rack.power.rmcp.session_keys import SessionKeys
from evenrack.rack.power.rmcp.suites import Suite

BLOCK_BYTES: Final = 16
"""Of AES, and so of an initial vector."""

_NEXT_HEADER: Final = b"\x07"
_TRAILER_BYTES: Final = 2
"""The length of the padding, and the next header."""


@frozen(kw_only=True)
class Opened:
    """What the BMC said: proved and decrypted."""

    kind: int
    """Of payload, without the bits that say that it was protected."""
    sequence: int
    payload: bytes


@frozen(kw_only=True)
class Protection:
    """What a session's datagrams are made and read with."""

    suite: Suite
    keys: SessionKeys = field(repr=False)
    console_session: int
    bmc_session: int

    def seal(self, kind: int, payload: bytes, *, sequence: int, vector: bytes) -> bytes:
        """Make a datagram; `vector` is BLOCK_BYTES by chance, and never the same again."""
        encrypted = vector + self._encrypted(payload, vector)
        header = session_header(kind | PROTECTED, self.bmc_session, sequence, len(encrypted))
        proved = header + encrypted
        padding = -(len(proved) + _TRAILER_BYTES) % 4
        proved += b"\xff" * padding + bytes((padding,)) + _NEXT_HEADER
        return RMCP_HEADER + proved + self.suite.code(self.keys.integrity, proved)

    def open(self, datagram: bytes) -> Opened | None:
        """Read a datagram of the BMC; None when anything at all is not as it has to be."""
        packet = read_packet(datagram)
        if packet is None or packet.kind & PROTECTED != PROTECTED:
            return None
        if packet.session != self.console_session or not self._is_proved(packet.after_rmcp):
            return None
        payload = self._decrypted(packet.payload)
        if payload is None:
            return None
        return Opened(kind=packet.kind & ~PROTECTED, sequence=packet.sequence, payload=payload)

    def _is_proved(self, after_rmcp: bytes) -> bool:
        end = len(after_rmcp) - self.suite.code_bytes
        if end <= 0:
            return False
        proof = self.suite.code(self.keys.integrity, after_rmcp[:end])
        return hmac.compare_digest(proof, after_rmcp[end:])

    def _encrypted(self, payload: bytes, vector: bytes) -> bytes:
        padding = -(len(payload) + 1) % BLOCK_BYTES
        padded = payload + bytes(range(1, padding + 1)) + bytes((padding,))
        work = self._cipher(vector).encryptor()
        return work.update(padded) + work.finalize()

    def _decrypted(self, encrypted: bytes) -> bytes | None:
        vector, blocks = encrypted[:BLOCK_BYTES], encrypted[BLOCK_BYTES:]
        if not blocks or len(blocks) % BLOCK_BYTES:
            return None
        work = self._cipher(vector).decryptor()
        padded = work.update(blocks) + work.finalize()
        padding = padded[-1]
        # What the padding consists of is not looked at: it is proved, and not all fill it alike.
        return padded[: -padding - 1] if padding < len(padded) else None

    def _cipher(self, vector: bytes) -> "Cipher[modes.CBC]":
        return Cipher(algorithms.AES(self.keys.encryption), modes.CBC(vector))
