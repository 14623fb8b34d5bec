"""Datagrams within a session: encrypted and proved (IPMI 2.0, 13.6, 13.28.4 and 13.29): pure."""

import hmac
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

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
    _encrypting: CipherContext = field(init=False, repr=False, eq=False)
    _decrypting: CipherContext = field(init=False, repr=False, eq=False)
    """One of each for the whole session: making them is most of what a datagram costs."""

    @_encrypting.default
    def _encryptor(self) -> CipherContext:
        return self._cipher().encryptor()

    @_decrypting.default
    def _decryptor(self) -> CipherContext:
        return self._cipher().decryptor()

    def seal(self, kind: int, payload: bytes, *, sequence: int, chance: bytes) -> bytes:
        """Make a datagram; `chance` is BLOCK_BYTES that nobody can guess, and never the same again.

        They are encrypted as if they stood before the payload, which makes them its initial vector:
        as little to be guessed, and the chaining of blocks goes on from one datagram to the next.
        """
        padding = -(len(payload) + 1) % BLOCK_BYTES
        padded = payload + bytes(range(1, padding + 1)) + bytes((padding,))
        encrypted = self._encrypting.update(chance + padded)
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

    def _decrypted(self, encrypted: bytes) -> bytes | None:
        if len(encrypted) <= BLOCK_BYTES or len(encrypted) % BLOCK_BYTES:
            return None
        # What the first block, the initial vector, seems to hold depends on what was read before;
        # what follows depends on the blocks before it in this datagram alone.
        padded = self._decrypting.update(encrypted)[BLOCK_BYTES:]
        padding = padded[-1]
        # What the padding consists of is not looked at: it is proved, and not all fill it alike.
        return padded[: -padding - 1] if padding < len(padded) else None

    def _cipher(self) -> "Cipher[modes.CBC]":
        return Cipher(algorithms.AES(self.keys.encryption), modes.CBC(bytes(BLOCK_BYTES)))
