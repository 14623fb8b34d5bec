"""The proofs of RAKP and the keys of a session (IPMI 2.0, 13.28, 13.31 and 13.32): pure."""

import struct
from typing import Final

from attrs import field, frozen

from evenrack.rack.power.rmcp.suites import Suite

RANDOM_BYTES: Final = 16
GUID_BYTES: Final = 16
AES_KEY_BYTES: Final = 16

BY_NAME_ONLY: Final = 0x10
"""Of a role: find the user by its name, whatever its privilege (IPMI 2.0, 13.20)."""

_CONSTANT_BYTES: Final = 20
"""As IPMI 2.0, 13.32 says, also where the hash is longer."""


@frozen(kw_only=True)
class Secrets:
    """What both ends know beforehand."""

    password: bytes = field(repr=False)
    """K_uid, the key of the user."""
    k_g: bytes = field(default=b"", repr=False)
    """The key of the BMC; none when it is empty."""


@frozen(kw_only=True)
class Told:
    """What both ends have told each other before anything is proved."""

    suite: Suite
    console_session: int
    bmc_session: int
    console_random: bytes
    bmc_random: bytes
    bmc_guid: bytes
    privilege: int
    """The highest that is asked for (IPMI 2.0, 13.17)."""
    user: bytes

    @property
    def role(self) -> bytes:
        """Give the privilege and the user as they are proved."""
        return bytes((self.privilege | BY_NAME_ONLY, len(self.user))) + self.user


@frozen(kw_only=True)
class SessionKeys:
    """The keys of one session."""

    integrity: bytes = field(repr=False)
    """K1."""
    encryption: bytes = field(repr=False)
    """As much of K2 as AES takes."""
    bmc_proof: bytes = field(repr=False)
    """What RAKP message 4 has to carry: that the BMC has come to the same keys."""


def bmc_proof(told: Told, secrets: Secrets) -> bytes:
    """Give what RAKP message 2 has to carry: that the BMC knows the password (13.31)."""
    text = (
        _numbers(told.console_session, told.bmc_session)
        + told.console_random
        + told.bmc_random
        + told.bmc_guid
        + told.role
    )
    return told.suite.proof(secrets.password, text)


def console_proof(told: Told, secrets: Secrets) -> bytes:
    """Give what RAKP message 3 carries: that we know it (13.31)."""
    text = told.bmc_random + _numbers(told.console_session) + told.role
    return told.suite.proof(secrets.password, text)


def session_keys(told: Told, secrets: Secrets) -> SessionKeys:
    """Make the keys of the session (13.31 and 13.32)."""
    suite = told.suite
    session_integrity_key = suite.proof(
        secrets.k_g or secrets.password, told.console_random + told.bmc_random + told.role
    )
    return SessionKeys(
        integrity=suite.proof(session_integrity_key, b"\x01" * _CONSTANT_BYTES),
        encryption=suite.proof(session_integrity_key, b"\x02" * _CONSTANT_BYTES)[:AES_KEY_BYTES],
        bmc_proof=suite.code(
            session_integrity_key,
            told.console_random + _numbers(told.bmc_session) + told.bmc_guid,
        ),
    )


def _numbers(*sessions: int) -> bytes:
    return b"".join(struct.pack("<I", session) for session in sessions)
