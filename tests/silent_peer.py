"""A peer over real TLS that never agrees that a connection ends, as nobody well-meant does.

Python's own TLS answers the other end's close by itself; so here the bytes of TLS are carried by
hand. Everything blocks: to be used in a thread.
"""

import contextlib
import socket
import time

from OpenSSL import SSL

MOST_BYTES = 65_536
PATIENCE_SECONDS = 10


class SilentPeer:
    """One connection, whose handshake without a certificate is over."""

    def __init__(self, host, port, source="127.0.0.1"):
        self._plain = socket.create_connection(
            (host, port), timeout=PATIENCE_SECONDS, source_address=(source, 0)
        )
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE)
        self._tls = SSL.Connection(context, None)
        self._tls.set_connect_state()
        while True:
            try:
                self._tls.do_handshake()
                break
            except SSL.WantReadError:
                self._flush()
                self._tls.bio_write(self._plain.recv(MOST_BYTES))
        self._flush()

    def send(self, content):
        self._tls.send(content)
        self._flush()

    def is_ended(self, seconds=PATIENCE_SECONDS):
        """Say nothing more, and tell whether the other end ends the connection all the same."""
        end = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while (left := end - time.monotonic()) > 0:
                self._plain.settimeout(left)
                try:
                    if not self._plain.recv(MOST_BYTES):
                        return True
                except ConnectionError:
                    return True
        return False

    def trickle(self, every, seconds=PATIENCE_SECONDS):
        """Send a byte now and then, and tell whether the other end ends the connection."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.send(b"a")
            if self.is_ended(every):
                return True
        return False

    def close(self):
        self._plain.close()

    def _flush(self):
        with contextlib.suppress(SSL.WantReadError):
            while True:
                self._plain.sendall(self._tls.bio_read(MOST_BYTES))
