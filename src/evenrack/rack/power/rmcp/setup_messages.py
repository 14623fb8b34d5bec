"""Open Session and RAKP messages 1 to 4 (IPMI 2.0, 13.17 to 13.24): made and read, pure.

Each reader gives None for what is not the answer that is waited for, and raises what the BMC says
when it refuses. A refusal is proved by nothing: there is no key yet.
"""

import hmac
import struct
from typing import Final

from attrs import frozen

from evenrack.errors import BmcRefusedPassword, BmcRefusedSuite
from evenrack.rack.power.rmcp.completion import mixed_up, session_refusal, suite_refusal
from evenrack.rack.power.rmcp.packets import (
    OPEN_SESSION_RESPONSE,
    RAKP_2,
    RAKP_4,
    read_packet,
)
from evenrack.rack.power.rmcp.session_keys import (
    BY_NAME_ONLY,
    GUID_BYTES,
    RANDOM_BYTES,
    Secrets,
    SessionKeys,
    Told,
    bmc_proof,
    console_proof,
)
from evenrack.rack.power.rmcp.suites import Suite

INTEGRITY_CHECK_FAILED: Final = 0x0F

_ALGORITHM_BITS: Final = 0x3F
_OPENED: Final = struct.Struct("<BBxxII" + "xxxxBxxx" * 3)
_HEAD: Final = struct.Struct("<BBxxI")


@frozen(kw_only=True)
class Opening:
    """What Open Session asks for."""

    tag: int
    """By which the answer is known."""
    suite: Suite
    privilege: int
    console_session: int

    def message(self) -> bytes:
        """Give the Open Session Request (13.17)."""
        kinds = enumerate(self.suite.algorithms)
        payloads = b"".join(struct.pack("<BxxBBxxx", kind, 8, number) for kind, number in kinds)
        return struct.pack("<BBxxI", self.tag, self.privilege, self.console_session) + payloads

    def read(self, datagram: bytes) -> int | None:
        """Read the Open Session Response (13.18): the BMC's id of the session."""
        payload = _answer(datagram, OPEN_SESSION_RESPONSE, self.tag)
        if payload is None:
            return None
        if payload[1]:
            raise suite_refusal(payload[1]) or session_refusal(payload[1])
        if len(payload) < _OPENED.size:
            return None
        _, _, console_session, bmc_session, *chosen = _OPENED.unpack_from(payload)
        if console_session != self.console_session or not bmc_session:
            return None
        if tuple(number & _ALGORITHM_BITS for number in chosen) != self.suite.algorithms:
            raise BmcRefusedSuite("the BMC chose another cipher suite than it was asked for")
        return int(bmc_session)


@frozen(kw_only=True)
class Introduction:
    """What RAKP message 1 tells: our random number, and who we are."""

    tag: int
    opening: Opening
    bmc_session: int
    console_random: bytes
    user: bytes

    def message(self) -> bytes:
        """Give RAKP message 1 (13.20)."""
        return (
            _HEAD.pack(self.tag, 0, self.bmc_session)
            + self.console_random
            + bytes((self.opening.privilege | BY_NAME_ONLY, 0, 0, len(self.user)))
            + self.user
        )

    def read(self, datagram: bytes, secrets: Secrets, *, repeated: bool = False) -> Told | None:
        """Read RAKP message 2 (13.21); BmcRefusedPassword when the BMC does not prove it.

        What it proves does not depend on what it heard twice: all of it is of this message.
        """
        payload = _answer(datagram, RAKP_2, self.tag)
        if payload is None:
            return None
        if payload[1]:
            raise session_refusal(payload[1], repeated=repeated)
        suite = self.opening.suite
        if len(payload) != _HEAD.size + RANDOM_BYTES + GUID_BYTES + suite.digest_bytes:
            return None
        if not _is_for(payload, self.opening.console_session):
            return None
        rest = payload[_HEAD.size :]
        told = Told(
            suite=suite,
            console_session=self.opening.console_session,
            bmc_session=self.bmc_session,
            console_random=self.console_random,
            bmc_random=rest[:RANDOM_BYTES],
            bmc_guid=rest[RANDOM_BYTES : RANDOM_BYTES + GUID_BYTES],
            privilege=self.opening.privilege,
            user=self.user,
        )
        proof = rest[RANDOM_BYTES + GUID_BYTES :]
        if not hmac.compare_digest(proof, bmc_proof(told, secrets)):
            raise BmcRefusedPassword("the BMC has another password for this user")
        return told


@frozen(kw_only=True)
class Proving:
    """What RAKP message 3 tells: that we know the password."""

    tag: int
    told: Told

    def message(self, secrets: Secrets) -> bytes:
        """Give RAKP message 3 (13.22)."""
        return _HEAD.pack(self.tag, 0, self.told.bmc_session) + console_proof(self.told, secrets)

    def read(self, datagram: bytes, keys: SessionKeys, *, repeated: bool = False) -> bool | None:
        """Read RAKP message 4 (13.23): True, once the BMC has proved that it has the same keys."""
        payload = _answer(datagram, RAKP_4, self.tag)
        if payload is None:
            return None
        if payload[1]:
            raise session_refusal(payload[1], repeated=repeated)
        if len(payload) != _HEAD.size + self.told.suite.code_bytes:
            return None
        if not _is_for(payload, self.told.console_session):
            return None
        if not hmac.compare_digest(payload[_HEAD.size :], keys.bmc_proof):
            if repeated:
                raise mixed_up("its proof is of other keys")
            raise BmcRefusedPassword("the BMC has another key K_g than it was given here")
        return True


def refusing_message(tag: int, bmc_session: int) -> bytes:
    """Give the RAKP message 3 that ends what was begun: the BMC proved another password (13.22)."""
    return struct.pack("<BBxxI", tag, INTEGRITY_CHECK_FAILED, bmc_session)


def _answer(datagram: bytes, kind: int, tag: int) -> bytes | None:
    """Give the payload of the answer that is waited for: at least a tag and a status."""
    packet = read_packet(datagram)
    if packet is None or packet.kind != kind or packet.session:
        return None
    if len(packet.payload) < 2 or packet.payload[0] != tag:  # noqa: PLR2004  tag and status
        return None
    return packet.payload


def _is_for(payload: bytes, console_session: int) -> bool:
    _, _, found = _HEAD.unpack_from(payload)
    return bool(found == console_session)
