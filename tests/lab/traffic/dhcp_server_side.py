"""The other end of a client's frames: its questions read, and answers made, from the RFCs alone."""

import struct
from ipaddress import IPv4Address
from typing import NamedTuple

COOKIE = b"\x63\x82\x53\x63"
SERVER = IPv4Address("10.101.0.2")
ADDRESS = IPv4Address("10.101.0.100")


class Question(NamedTuple):
    """What a client's frame says, header by header."""

    ethernet: bytes
    source: IPv4Address
    destination: IPv4Address
    ports: tuple
    transaction: int
    seconds: int
    flags: int
    in_use: IPv4Address
    mac: bytes
    options: dict


def read_question(frame):
    """Read a frame field by field at the offsets of RFC 791, 768 and 2131."""
    packet = frame[34:]
    bootp = packet[8:]
    assert frame[12:14] == b"\x08\x00"
    assert frame[14] == 0x45
    assert struct.unpack("!H", frame[16:18])[0] == len(frame) - 14
    assert struct.unpack("!H", packet[4:6])[0] == len(packet)
    assert bootp[:4] == b"\x01\x01\x06\x00"
    assert bootp[236:240] == COOKIE
    assert checksum_is_right(frame[14:34])
    options, at = {}, 240
    while bootp[at] != 255:
        options[bootp[at]] = bootp[at + 2 : at + 2 + bootp[at + 1]]
        at += 2 + bootp[at + 1]
    return Question(
        ethernet=frame[:12],
        source=IPv4Address(frame[26:30]),
        destination=IPv4Address(frame[30:34]),
        ports=struct.unpack("!HH", packet[:4]),
        transaction=struct.unpack("!I", bootp[4:8])[0],
        seconds=struct.unpack("!H", bootp[8:10])[0],
        flags=struct.unpack("!H", bootp[10:12])[0],
        in_use=IPv4Address(bootp[12:16]),
        mac=bootp[28:34],
        options=options,
    )


def checksum_is_right(header):
    """The one's complement sum of all words of a right header is all ones."""
    total = sum(struct.unpack("!10H", header))
    return (total & 0xFFFF) + (total >> 16) == 0xFFFF


def answer_payload(kind, transaction, mac, *, address=ADDRESS, options=(), **parts):
    """Make an answer as a server does: a list of (code, value), in whatever fields."""
    told = [(53, bytes([kind])), (54, parts.get("server", SERVER).packed), *options]
    header = struct.pack("!BBBBIHH", 2, 1, 6, 0, transaction, 0, 0x8000)
    header += bytes(4) + address.packed + bytes(8) + mac.ljust(16, b"\0")
    header += parts.get("server_name", b"").ljust(64, b"\0")
    header += parts.get("boot_file", b"").ljust(128, b"\0")
    return header + COOKIE + written(told)


def written(options):
    """Write options one after the other, with their end."""
    return b"".join(bytes([code, len(value)]) + value for code, value in options) + b"\xff"


def server_frame(payload, *, options_of_ip=b"", padding=b"", ports=(67, 68)):
    """Wrap an answer as a server sends it."""
    udp = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    length = 20 + len(options_of_ip)
    ip = struct.pack("!BBHHHBB", 0x40 | length // 4, 0x10, length + len(udp), 7, 0, 128, 17)
    ip += bytes(2) + SERVER.packed + b"\xff" * 4 + options_of_ip
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\x00" + ip + udp + padding


def answer_to(frame, kind, *, lease_seconds=600, **parts):
    """Make the frame with which a server answers a client's frame."""
    question = read_question(frame)
    lease = (51, struct.pack("!I", lease_seconds))
    payload = answer_payload(kind, question.transaction, question.mac, options=[lease], **parts)
    return server_frame(payload)
