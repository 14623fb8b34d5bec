"""What the kernel is to give us of all packets: a program of classic BPF, as bytes. Pure.

Shapes: linux/filter.h. Whatever is no DHCP is dropped before it costs anything.
"""

import struct
from typing import Final

from evenrack.model.dhcp_frames import CLIENT_PORT, SERVER_PORT

_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30  # BPF_LD | size | BPF_ABS
_LOAD_WORD_BEHIND = 0x40  # BPF_LD | BPF_W | BPF_IND
_LOAD_HEADER_LENGTH = 0xB1  # BPF_LDX | BPF_B | BPF_MSH
_IF_EQUAL, _IF_ANY_BIT = 0x15, 0x45
_RETURN = 0x06
_RECEIVER = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_ANOTHER_HOST = 3  # PACKET_OTHERHOST of linux/if_packet.h
_ALL_OF_IT = 0xFFFF
_DROP: Final = -1
_TAKE: Final = -2


def dhcp_only() -> bytes:
    """Give the program: whole UDP over IPv4, from a client's to a server's port or back.

    A tagged frame is another VLAN's, although it comes by this one's interface: the kernel takes
    its tag away, and says that it is for another host. Else servers of VLAN 7, without an eth0.7
    here, would be heard on eth0.
    """
    to_servers = CLIENT_PORT << 16 | SERVER_PORT
    to_clients = SERVER_PORT << 16 | CLIENT_PORT
    steps = [
        (_LOAD_WORD, None, None, _RECEIVER),
        (_IF_EQUAL, _DROP, None, _ANOTHER_HOST),
        (_LOAD_HALF, None, None, 12),
        (_IF_EQUAL, None, _DROP, 0x0800),
        (_LOAD_BYTE, None, None, 23),
        (_IF_EQUAL, None, _DROP, 17),
        (_LOAD_HALF, None, None, 20),
        (_IF_ANY_BIT, _DROP, None, 0x3FFF),
        (_LOAD_HEADER_LENGTH, None, None, 14),
        (_LOAD_WORD_BEHIND, None, None, 14),
        (_IF_EQUAL, _TAKE, None, to_servers),
        (_IF_EQUAL, _TAKE, _DROP, to_clients),
    ]
    ends = {_DROP: len(steps), _TAKE: len(steps) + 1}
    program = [
        _INSTRUCTION.pack(code, _jump(yes, at, ends), _jump(no, at, ends), value)
        for at, (code, yes, no, value) in enumerate(steps)
    ]
    program += [_INSTRUCTION.pack(_RETURN, 0, 0, size) for size in (0, _ALL_OF_IT)]
    return b"".join(program)


def _jump(to: int | None, at: int, ends: dict[int, int]) -> int:
    """Give how many instructions to leave out; none where it goes on."""
    return 0 if to is None else ends[to] - at - 1
