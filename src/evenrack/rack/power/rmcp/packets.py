"""The outside of a datagram: RMCP, and the header of a session (IPMI 2.0, 13.1.3 and 13.6)."""

import struct
from typing import Final

from attrs import frozen

RMCP_HEADER: Final = bytes.fromhex("0600ff07")
"""Version, reserved, no acknowledgement, class IPMI."""

RMCP_PLUS: Final = 0x06
"""The format of IPMI 2.0, where that of 1.5 has its type of authentication."""

IPMI_MESSAGE: Final = 0x00
OPEN_SESSION_REQUEST: Final = 0x10
OPEN_SESSION_RESPONSE: Final = 0x11
RAKP_1: Final = 0x12
RAKP_2: Final = 0x13
RAKP_3: Final = 0x14
RAKP_4: Final = 0x15
"""The kinds of payload that are spoken (IPMI 2.0, 13.27.3)."""

PROTECTED: Final = 0xC0
"""Of a kind of payload: encrypted, and with a proof."""

_RMCP_VERSION: Final = 0x06
_RMCP_CLASS_BITS: Final = 0x1F
_IPMI_CLASS: Final = 0x07
_HEADER: Final = struct.Struct("<BBIIH")


@frozen(kw_only=True)
class Packet:
    """What a datagram says it is; nothing of it is proved."""

    kind: int
    """With the two bits that say whether it is protected."""
    session: int
    sequence: int
    payload: bytes
    after_rmcp: bytes
    """All that stands behind the RMCP header."""
    trailer: bytes
    """What stands behind the payload."""


def session_header(kind: int, session: int, sequence: int, length: int) -> bytes:
    """Give what stands between RMCP and a payload of this length."""
    return _HEADER.pack(RMCP_PLUS, kind, session, sequence, length)


def plain_packet(kind: int, payload: bytes) -> bytes:
    """Give a whole datagram outside of any session."""
    return RMCP_HEADER + session_header(kind, 0, 0, len(payload)) + payload


def read_packet(datagram: bytes) -> Packet | None:
    """Take a datagram apart; None when it is none of RMCP+."""
    after_rmcp = datagram[len(RMCP_HEADER) :]
    if len(after_rmcp) < _HEADER.size or not _is_ipmi(datagram):
        return None
    form, kind, session, sequence, length = _HEADER.unpack_from(after_rmcp)
    end = _HEADER.size + length
    if form != RMCP_PLUS or end > len(after_rmcp):
        return None
    return Packet(
        kind=kind,
        session=session,
        sequence=sequence,
        payload=after_rmcp[_HEADER.size : end],
        after_rmcp=after_rmcp,
        trailer=after_rmcp[end:],
    )


def _is_ipmi(datagram: bytes) -> bool:
    return datagram[0] == _RMCP_VERSION and datagram[3] & _RMCP_CLASS_BITS == _IPMI_CLASS
