"""A raw socket on one interface that is given DHCP and nothing else. It needs CAP_NET_RAW."""

import errno
import os
import socket
import struct
from array import array
from collections.abc import Iterator
from typing import Final

from evenrack.rack.listen.packet_filter import dhcp_only

_IPV4: Final = 0x0800
"""ETH_P_IP: what comes in, and not what this host sends itself."""
_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER of asm-generic/socket.h
_INSTRUCTION_BYTES: Final = 8
_LONGEST_FRAME: Final = 2048
_AT_ONCE: Final = 200
"""Frames read before another interface gets its turn."""
_NOT_NOW: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})


class PacketSocket:
    """Hears a wire without being promiscuous: broadcasts, and what is for this host."""

    def __init__(self, interface: str) -> None:
        """OSError when the interface is not there or not up, or rights are missing."""
        # no protocol before it is bound: nothing of other interfaces may be in the queue
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._filter(dhcp_only())
            self._socket.bind((interface, _IPV4))
            self._refuse_down()
            self.mac: bytes = self._socket.getsockname()[4]
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Let a selector wait for it."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()

    def frames(self) -> Iterator[bytes]:
        """Give the frames that have come, without waiting; OSError when the interface is gone."""
        for _ in range(_AT_ONCE):
            try:
                yield self._socket.recv(_LONGEST_FRAME)
            except OSError as error:
                if error.errno in _NOT_NOW:
                    return
                raise

    def send(self, frame: bytes) -> None:
        """Send a frame, or lose it where the queue is full; OSError when the interface is gone."""
        try:
            self._socket.send(frame)
        except OSError as error:
            if error.errno not in _NOT_NOW:
                raise

    def _refuse_down(self) -> None:
        """Raise what the kernel noted while it was bound: that the interface is down."""
        noted = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if noted:
            raise OSError(noted, os.strerror(noted))

    def _filter(self, program: bytes) -> None:
        """Attach it: the kernel copies what `struct sock_fprog` points to."""
        kept = array("B", program)
        address, length = kept.buffer_info()
        pointer = struct.pack("@HP", length // _INSTRUCTION_BYTES, address)
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, pointer)
