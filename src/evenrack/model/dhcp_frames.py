"""Ethernet frames that carry DHCPv4: UDP over IPv4 and ARP answers, made and read as pure bytes.

Shapes: RFC 791 (IPv4), RFC 768 (UDP), RFC 826 (ARP); ports 67 and 68 are those of RFC 2131.
"""

import struct
from ipaddress import IPv4Address

from attrs import frozen

SERVER_PORT = 67
CLIENT_PORT = 68
MAC_LENGTH = 6
BROADCAST_MAC = b"\xff" * MAC_LENGTH
NOWHERE = IPv4Address("0.0.0.0")  # noqa: S104  a packet's sender without an address, not a socket
EVERYWHERE = IPv4Address("255.255.255.255")
_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_TYPE_IPV4 = 0x0800
_TYPE_ARP = 0x0806
_VERSION_4 = 4
_PROTOCOL_UDP = 17
_TIME_TO_LIVE = 64
_FRAGMENTED = 0x3FFF  # more fragments follow, or this is not the first
_ARP_KIND = (1, _TYPE_IPV4, MAC_LENGTH, 4)  # IPv4 addresses on Ethernet
_ARP_REQUEST = 1
_ARP_REPLY = 2


@frozen(kw_only=True)
class Receiver:
    """To whom a frame goes."""

    mac: bytes
    address: IPv4Address


EVERYBODY = Receiver(mac=BROADCAST_MAC, address=EVERYWHERE)


def client_frame(
    payload: bytes, *, mac: bytes, source: IPv4Address, to: Receiver = EVERYBODY
) -> bytes:
    """Wrap what a client says to DHCP servers: mostly it broadcasts."""
    # a checksum of 0 says that there is none
    datagram = _UDP.pack(CLIENT_PORT, SERVER_PORT, _UDP.size + len(payload), 0) + payload
    header = _ipv4_header(len(datagram), source, to.address, 0)
    header = _ipv4_header(len(datagram), source, to.address, _checksum(header))
    return _ETHERNET.pack(to.mac, mac, _TYPE_IPV4) + header + datagram


def sender_of(frame: bytes) -> bytes:
    """Give the hardware address that a frame with a whole header came from."""
    return frame[MAC_LENGTH : 2 * MAC_LENGTH]


def payload_for_client(frame: bytes) -> bytes | None:
    """Unwrap what a DHCP server sent to a client; nothing when it is anything else, or broken."""
    return _payload(frame, (SERVER_PORT, CLIENT_PORT))


def payload_for_servers(frame: bytes) -> bytes | None:
    """Unwrap what a client itself, and no relay, sent to servers; nothing for anything else."""
    return _payload(frame, (CLIENT_PORT, SERVER_PORT))


def _payload(frame: bytes, ports: tuple[int, int]) -> bytes | None:
    """Unwrap a whole UDP datagram from one port to another."""
    packet = _content(frame, _TYPE_IPV4, _IPV4.size)
    if packet is None:
        return None
    first, _, length, _, fragment, _, protocol, _, _, _ = _IPV4.unpack_from(packet)
    header = 4 * (first & 0x0F)
    if first >> 4 != _VERSION_4 or not _IPV4.size <= header <= length <= len(packet):
        return None
    if protocol != _PROTOCOL_UDP or fragment & _FRAGMENTED:
        return None
    return _udp_payload(packet[header:length], ports)


def arp_question(frame: bytes) -> IPv4Address | None:
    """Read for which address a frame asks the hardware address; nothing when it does not."""
    packet = _content(frame, _TYPE_ARP, _ARP.size)
    if packet is None:
        return None
    *kind, operation, _, _, _, wanted = _ARP.unpack_from(packet)
    if tuple(kind) != _ARP_KIND or operation != _ARP_REQUEST:
        return None
    return IPv4Address(wanted)


def arp_answer(question: bytes, mac: bytes) -> bytes:
    """Answer a frame that `arp_question` could read: this hardware address has it."""
    *_, asker_mac, asker, _, wanted = _ARP.unpack_from(question, _ETHERNET.size)
    answer = _ARP.pack(*_ARP_KIND, _ARP_REPLY, mac, wanted, asker_mac, asker)
    return _ETHERNET.pack(asker_mac, mac, _TYPE_ARP) + answer


def _content(frame: bytes, wanted_type: int, at_least: int) -> bytes | None:
    if len(frame) < _ETHERNET.size + at_least:
        return None
    *_, frame_type = _ETHERNET.unpack_from(frame)
    return frame[_ETHERNET.size :] if frame_type == wanted_type else None


def _udp_payload(datagram: bytes, ports: tuple[int, int]) -> bytes | None:
    if len(datagram) < _UDP.size:
        return None
    *found, length, _ = _UDP.unpack_from(datagram)
    if tuple(found) != ports:
        return None
    return datagram[_UDP.size : length] if _UDP.size <= length <= len(datagram) else None


def _ipv4_header(
    content_length: int, source: IPv4Address, destination: IPv4Address, checksum: int
) -> bytes:
    return _IPV4.pack(
        _VERSION_4 << 4 | _IPV4.size // 4,
        0,
        _IPV4.size + content_length,
        0,
        0,
        _TIME_TO_LIVE,
        _PROTOCOL_UDP,
        checksum,
        source.packed,
        destination.packed,
    )


def _checksum(header: bytes) -> int:
    total: int = sum(word for (word,) in struct.iter_unpack("!H", header))
    while total > 0xFFFF:  # noqa: PLR2004  the sum is of 16-bit words, with the carry added
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
