"""A raw socket on one interface, behind which any number of made-up hardware addresses live."""

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from evenrack.lab.refusals import LabFailed
from evenrack.model.dhcp_frames import arp_answer, arp_question

_EVERY_PROTOCOL = 0x0003  # ETH_P_ALL of linux/if_ether.h
_SOL_PACKET = 263  # packet(7); the socket module does not name these three
_ADD_MEMBERSHIP = 1
_PROMISCUOUS = 1
_MEMBERSHIP = struct.Struct("iHH8s")
_LONGEST_FRAME = 2048
_AT_ONCE = 200
"""Frames read before somebody else gets a turn: a flood must not keep the loop from its end."""
_HARMLESS = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENETDOWN, errno.ENXIO, errno.ENODEV})
"""Nothing has come, the queue is full, or the interface is down, which is told once each time."""


class RawLink:
    """Sends and receives whole frames; answers ARP for the addresses it is told to hold."""

    def __init__(self, interface: str) -> None:
        """Open the interface: LabFailed when it is not there, or rights are missing."""
        self._held: Mapping[IPv4Address, bytes] = {}
        try:
            self._socket = _open(interface)
        except OSError as error:
            raise LabFailed(f"{interface}: no raw socket: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Let `select.poll` wait for it."""
        return self._socket.fileno()

    def hold(self, addresses: Mapping[IPv4Address, bytes]) -> None:
        """Answer ARP for these addresses from now on, each with its hardware address."""
        self._held = addresses

    def send(self, frame: bytes) -> None:
        """Send a frame; without a cable, or when the socket is full, it is lost, as on any wire."""
        try:
            self._socket.send(frame)
        except OSError as error:
            _refuse_broken(error)

    def frames(self) -> Iterator[bytes]:
        """Give the frames that have come, without waiting; ARP is answered on the way."""
        for _ in range(_AT_ONCE):
            try:
                frame, (_, _, direction, *_) = self._socket.recvfrom(_LONGEST_FRAME)
            except OSError as error:
                _refuse_broken(error)
                return
            if direction != socket.PACKET_OUTGOING and not self._answered(frame):
                yield frame

    def _answered(self, frame: bytes) -> bool:
        wanted = arp_question(frame)
        if wanted is None:
            return False
        mac = self._held.get(wanted)
        if mac is not None:
            self.send(arp_answer(frame, mac))
        return True


def _open(interface: str) -> socket.socket:
    # no protocol before it is bound: nothing of other interfaces may be in the queue
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        link.bind((interface, _EVERY_PROTOCOL))
        number = socket.if_nametoindex(interface)
        # frames to addresses that the interface does not have must come through too
        member = _MEMBERSHIP.pack(number, _PROMISCUOUS, 0, b"")
        link.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)
    except OSError:
        link.close()
        raise
    return link


def _refuse_broken(error: OSError) -> None:
    if error.errno not in _HARMLESS:
        raise LabFailed(f"the raw socket broke: {error}") from error
