"""DHCPv4 as a client speaks it: frames with its questions made, and servers' answers read. Pure.

RFC 2131 (the packet, and which field is filled when), RFC 2132 (options), RFC 3396 (options that
are split). Whatever is not a whole, well-formed answer is read as nothing.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum
from ipaddress import IPv4Address

from attrs import field, frozen

from evenrack.lab.traffic.frames import MAC_LENGTH, NOWHERE, client_frame, payload_for_client

MOST_SECONDS = 0xFFFF
_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_SERVER_NAME = slice(44, 108)
_BOOT_FILE = slice(108, 236)
_COOKIE = bytes([99, 130, 83, 99])
_ETHERNET = 1
_ASK = 1
_REPLY = 2
_BROADCAST_FLAG = 0x8000
_SHORTEST = 300  # of BOOTP, whose relays drop what is shorter
_LEASE_LENGTH = 4
_ADDRESS_LENGTH = 4


class Code(IntEnum):
    """The options of RFC 2132 that matter here."""

    PAD = 0
    SUBNET_MASK = 1
    ROUTERS = 3
    NAME_SERVERS = 6
    REQUESTED_ADDRESS = 50
    LEASE_SECONDS = 51
    OVERLOAD = 52
    KIND = 53
    SERVER = 54
    WANTED_OPTIONS = 55
    END = 255


class Kind(IntEnum):
    """What a packet is: its message type."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6


_ANSWERS = frozenset({Kind.OFFER, Kind.ACK, Kind.NAK})
_WANTED = bytes([Code.SUBNET_MASK, Code.ROUTERS, Code.NAME_SERVERS, Code.LEASE_SECONDS])


@frozen(kw_only=True)
class Asker:
    """Who asks, in which exchange, and for how many whole seconds already."""

    mac: bytes
    transaction: int
    """32 bits; the answer repeats them."""
    seconds: int = 0


@frozen(kw_only=True)
class Answer:
    """What a server sent: an offer, an acknowledgement or a refusal."""

    kind: Kind
    transaction: int
    mac: bytes
    server: IPv4Address
    address: IPv4Address
    """0.0.0.0 in a refusal."""
    lease_seconds: int | None
    options: Mapping[int, bytes] = field(factory=dict)


def discover(asker: Asker) -> bytes:
    """Ask every server for an offer (RFC 2131, 4.4.1)."""
    return _frame(asker, Kind.DISCOVER)


def request_selecting(asker: Asker, *, address: IPv4Address, server: IPv4Address) -> bytes:
    """Take the offer of one server; the others see that theirs was not (RFC 2131, 4.3.2)."""
    chosen: dict[int, bytes] = {Code.REQUESTED_ADDRESS: address.packed, Code.SERVER: server.packed}
    return _frame(asker, Kind.REQUEST, chosen)


def request_rebinding(asker: Asker, *, address: IPv4Address) -> bytes:
    """Ask any server to prolong the lease on an address in use (RFC 2131, 4.3.2)."""
    return _frame(asker, Kind.REQUEST, in_use=address)


def request_init_reboot(asker: Asker, *, address: IPv4Address) -> bytes:
    """Ask after a restart whether an address is still this client's (RFC 2131, 4.3.2)."""
    return _frame(asker, Kind.REQUEST, {Code.REQUESTED_ADDRESS: address.packed})


def read_answer(frame: bytes) -> Answer | None:
    """Read what a server sent to a client; nothing when the frame is anything else, or broken."""
    payload = payload_for_client(frame)
    if payload is None or len(payload) < _HEADER.size + len(_COOKIE):
        return None
    operation, hardware, length, _, transaction, _, _, _, given, _, _, card, _, _ = (
        _HEADER.unpack_from(payload)
    )
    if (operation, hardware, length) != (_REPLY, _ETHERNET, MAC_LENGTH):
        return None
    options = _read_options(payload)
    if options is None or not _is_answer(options):
        return None
    lease = options.get(Code.LEASE_SECONDS, b"")
    return Answer(
        kind=Kind(options[Code.KIND][0]),
        transaction=transaction,
        mac=card[:MAC_LENGTH],
        server=IPv4Address(options[Code.SERVER]),
        address=IPv4Address(given),
        lease_seconds=int.from_bytes(lease) if len(lease) == _LEASE_LENGTH else None,
        options=options,
    )


def _is_answer(options: Mapping[int, bytes]) -> bool:
    """Every answer says what it is and who gives it (RFC 2131, table 3)."""
    kind = options.get(Code.KIND, b"")
    return (
        len(kind) == 1
        and kind[0] in _ANSWERS
        and len(options.get(Code.SERVER, b"")) == _ADDRESS_LENGTH
    )


def _frame(
    asker: Asker,
    kind: Kind,
    options: Mapping[int, bytes] | None = None,
    *,
    in_use: IPv4Address = NOWHERE,
) -> bytes:
    # who has no address yet cannot be sent anything but a broadcast
    flags = _BROADCAST_FLAG if in_use == NOWHERE else 0
    header = _HEADER.pack(
        *(_ASK, _ETHERNET, MAC_LENGTH, 0),
        *(asker.transaction, min(asker.seconds, MOST_SECONDS), flags),
        *(in_use.packed, NOWHERE.packed, NOWHERE.packed, NOWHERE.packed),
        *(asker.mac, b"", b""),
    )
    told = {Code.KIND: bytes([kind]), **(options or {}), Code.WANTED_OPTIONS: _WANTED}
    payload = header + _COOKIE + _write_options(told)
    return client_frame(payload.ljust(_SHORTEST, b"\0"), mac=asker.mac, source=in_use)


def _write_options(options: Mapping[int, bytes]) -> bytes:
    parts = [bytes([code, len(value)]) + value for code, value in options.items()]
    return b"".join([*parts, bytes([Code.END])])


def _read_options(payload: bytes) -> dict[int, bytes] | None:
    """Read the options; some may stand in the fields of the boot file and the server's name."""
    cookie_end = _HEADER.size + len(_COOKIE)
    options: dict[int, bytes] = {}
    if payload[_HEADER.size : cookie_end] != _COOKIE or not _add(payload[cookie_end:], options):
        return None
    overload = int.from_bytes(options.get(Code.OVERLOAD, b""))
    for bit, place in ((1, _BOOT_FILE), (2, _SERVER_NAME)):
        if overload & bit and not _add(payload[place], options):
            return None
    return options


def _add(text: bytes, options: dict[int, bytes]) -> bool:
    """Add options to those already read, joining the parts of one; say whether all were whole."""
    at = 0
    while at < len(text) and text[at] != Code.END:
        if text[at] == Code.PAD:
            at += 1
            continue
        start = at + 2
        end = start + text[at + 1] if start <= len(text) else start
        if end > len(text):
            return False
        options[text[at]] = options.get(text[at], b"") + text[start:end]
        at = end
    return True
