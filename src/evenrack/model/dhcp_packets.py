"""DHCPv4 as a client speaks it, and as who only listens hears it: frames made and read. Pure.

RFC 2131 (the packet, and which field is filled when), RFC 2132 (options), RFC 3396 (options that
are split). Whatever is not whole and well-formed is read as nothing.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum
from ipaddress import IPv4Address

from attrs import field, frozen

from evenrack.model.dhcp_frames import (
    EVERYBODY,
    MAC_LENGTH,
    NOWHERE,
    Receiver,
    client_frame,
    payload_for_client,
    payload_for_servers,
    sender_of,
)

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
    """The options of RFC 2132, RFC 3004 and RFC 4578 that matter here."""

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
    VENDOR_CLASS = 60
    USER_CLASS = 77
    ARCHITECTURE = 93
    END = 255


class Kind(IntEnum):
    """What a packet is: its message type."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6
    RELEASE = 7


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
    server_mac: bytes
    """Where the frame came from; of a relay, if there is one."""
    address: IPv4Address
    """0.0.0.0 in a refusal."""
    lease_seconds: int | None
    next_server: IPv4Address = NOWHERE
    boot_file: bytes = b""
    relay: IPv4Address = NOWHERE
    """Which relay brought it; 0.0.0.0 for none."""
    options: Mapping[int, bytes] = field(factory=dict)


def discover(
    asker: Asker, options: Mapping[int, bytes] | None = None, *, sender: bytes | None = None
) -> bytes:
    """Ask every server for an offer (RFC 2131, 4.4.1), saying this besides.

    `sender` is the hardware address that the frame comes from, if it is not the asker's.
    """
    return _frame(asker, Kind.DISCOVER, options, sender=sender)


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


def release(asker: Asker, given: Answer) -> bytes:
    """Give back what a server acknowledged; nobody answers that (RFC 2131, 4.4.6)."""
    return _frame(
        asker,
        Kind.RELEASE,
        {Code.SERVER: given.server.packed},
        in_use=given.address,
        to=Receiver(mac=given.server_mac, address=given.server),
    )


def read_answer(frame: bytes) -> Answer | None:
    """Read what a server sent to a client; nothing when the frame is anything else, or broken."""
    packet = _read(payload_for_client(frame), _REPLY)
    if packet is None or not _is_answer(packet.options):
        return None
    options = packet.options
    lease = options.get(Code.LEASE_SECONDS, b"")
    return Answer(
        kind=Kind(options[Code.KIND][0]),
        transaction=packet.transaction,
        mac=packet.mac,
        server=IPv4Address(options[Code.SERVER]),
        server_mac=sender_of(frame),
        address=packet.given,
        lease_seconds=int.from_bytes(lease) if len(lease) == _LEASE_LENGTH else None,
        next_server=packet.next_server,
        boot_file=b"" if Code.OVERLOAD in options else packet.file.partition(b"\0")[0],
        relay=packet.relay,
        options=options,
    )


def server_asked(frame: bytes) -> IPv4Address | None:
    """Read whose offer a client takes, as it tells all servers (RFC 2131, 4.3.2): `SELECTING`.

    Nothing when the frame is anything else, or broken, or comes by way of a relay.
    """
    packet = _read(payload_for_servers(frame), _ASK)
    if packet is None or packet.relay != NOWHERE:
        return None
    server = packet.options.get(Code.SERVER, b"")
    is_request = packet.options.get(Code.KIND) == bytes([Kind.REQUEST])
    return IPv4Address(server) if is_request and len(server) == _ADDRESS_LENGTH else None


@frozen(kw_only=True)
class _Packet:
    """What is in every packet."""

    transaction: int
    given: IPv4Address
    next_server: IPv4Address
    relay: IPv4Address
    mac: bytes
    file: bytes
    options: Mapping[int, bytes]


def _read(payload: bytes | None, wanted: int) -> _Packet | None:
    """Read a question or an answer, whichever is wanted, of a card on an Ethernet."""
    if payload is None or len(payload) < _HEADER.size + len(_COOKIE):
        return None
    operation, *kind, _, transaction, _, _, _, given, following, relay, card, _, file = (
        _HEADER.unpack_from(payload)
    )
    if (operation, *kind) != (wanted, _ETHERNET, MAC_LENGTH):
        return None
    options = _read_options(payload)
    if options is None:
        return None
    return _Packet(
        transaction=transaction,
        given=IPv4Address(given),
        next_server=IPv4Address(following),
        relay=IPv4Address(relay),
        mac=card[:MAC_LENGTH],
        file=file,
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
    to: Receiver = EVERYBODY,
    sender: bytes | None = None,
) -> bytes:
    # who has no address yet cannot be sent anything but a broadcast
    flags = _BROADCAST_FLAG if in_use == NOWHERE else 0
    header = _HEADER.pack(
        *(_ASK, _ETHERNET, MAC_LENGTH, 0),
        *(asker.transaction, min(asker.seconds, MOST_SECONDS), flags),
        *(in_use.packed, NOWHERE.packed, NOWHERE.packed, NOWHERE.packed),
        *(asker.mac, b"", b""),
    )
    told = {Code.KIND: bytes([kind]), Code.WANTED_OPTIONS: _WANTED, **(options or {})}
    payload = header + _COOKIE + _write_options(told)
    mac = asker.mac if sender is None else sender
    return client_frame(payload.ljust(_SHORTEST, b"\0"), mac=mac, source=in_use, to=to)


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
