"""Connections of the HTTP client that the standard library does not have."""

import socket
import ssl
from http.client import HTTPConnection
from pathlib import Path

REGION_NAME = "region.evenrack.internal"
"""The name in every region's certificate, whatever address it was dialled by."""


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(str(self._path))
        except OSError:
            connecting.close()
            raise
        self.sock = connecting


class TlsConnection(HTTPConnection):
    """HTTP over TLS to one who has a region's certificate."""

    def __init__(self, host: str, port: int, authority: ssl.SSLContext, *, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._authority = authority

    def connect(self) -> None:
        super().connect()
        try:
            self.sock = self._authority.wrap_socket(self.sock, server_hostname=REGION_NAME)
        except (OSError, ValueError):
            self.close()
            raise
