"""Whoever recorded an enrolment, and sends it again: its words, and every byte of it."""

import contextlib
import socket
from pathlib import Path
from types import TracebackType

from OpenSSL import SSL

from evenrack.lab.intruder.strangers import ANSWER_SECONDS, box, box_of
from evenrack.trust.certificates import certificate_der, new_key, new_request
from evenrack.trust.enrolment import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Channel,
    EnrolmentSecret,
    enrolment_secret_from_text,
)

_MOST_BYTES = 65_536

Box = dict[bytes, bytes]


def replay_enrolment(secret_file: Path, host: str, port: int) -> dict[str, object]:
    """Enrol with a secret as a rack does, then send the same words, and the same bytes, again."""
    secret = enrolment_secret_from_text(secret_file.read_text(encoding="ascii"))
    with Visit(host, port) as first:
        words = enrolment_words(secret, first.channel())
        answer = first.ask(words)
        recorded = bytes(first.sent)
    with Visit(host, port) as again:
        words_again = again.ask(words)
    return {
        "first": _outcome(answer),
        "words again": _outcome(words_again),
        "bytes again": "cut" if is_cut(host, port, recorded) else "kept",
    }


def enrolment_words(secret: EnrolmentSecret, channel: Channel) -> Box:
    """Say what a rack says that joins on this connection."""
    request = new_request(new_key())
    return {
        b"_command": b"Enrol",
        b"lookup": secret.lookup.encode(),
        b"request": request,
        b"proof": channel.proof(secret.secret, "rack", request),
        b"hostname": b"replayed",
    }


def is_cut(host: str, port: int, recorded: bytes) -> bool:
    """Send recorded bytes, and tell whether the connection was then ended."""
    with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as plain:
        try:
            plain.sendall(recorded)
            while plain.recv(_MOST_BYTES):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
    return True


class Visit:
    """A connection over TLS 1.3 with no certificate, that keeps every byte that it sent."""

    def __init__(self, host: str, port: int) -> None:
        self.sent = bytearray()
        self._plain = socket.create_connection((host, port), timeout=ANSWER_SECONDS)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_verify(SSL.VERIFY_NONE)
        self._tls = SSL.Connection(context, None)
        self._tls.set_connect_state()

    def __enter__(self) -> "Visit":
        while True:
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                self._exchange()
            else:
                self._flush()
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._plain.close()

    def channel(self) -> Channel:
        """Give what a proof on this connection is bound to."""
        shown = self._tls.get_peer_certificate()
        if shown is None:
            raise ConnectionError("the region showed no certificate")
        return Channel(
            exporter=self._tls.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES),
            region_certificate=certificate_der(shown.to_cryptography()),
        )

    def ask(self, words: Box) -> Box:
        """Send a command and give the answer; an empty one when the connection ends first."""
        self._tls.send(box(words, 1))
        self._flush()
        return box_of(self)

    def say(self, content: bytes) -> None:
        """Send bytes, whatever they are."""
        self._tls.send(content)
        self._flush()

    def is_open(self) -> bool:
        """Tell whether the other end holds the connection; its wish to end it is not heard."""
        self._plain.settimeout(0)
        try:
            while self._plain.recv(_MOST_BYTES):
                pass
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def read(self, size: int) -> bytes:
        """Read so many bytes, or fewer when the connection ends."""
        found = b""
        with contextlib.suppress(OSError, SSL.Error):
            while len(found) < size:
                try:
                    found += self._tls.recv(size - len(found))
                except SSL.WantReadError:
                    self._exchange()
        return found

    def _exchange(self) -> None:
        """Send what TLS has to say, and hand it what comes; ConnectionError at the end."""
        self._flush()
        came = self._plain.recv(_MOST_BYTES)
        if not came:
            raise ConnectionError("the other end is gone")
        self._tls.bio_write(came)

    def _flush(self) -> None:
        with contextlib.suppress(SSL.WantReadError):
            while True:
                out = self._tls.bio_read(_MOST_BYTES)
                self.sent += out
                self._plain.sendall(out)


def _outcome(answer: Box) -> str:
    if b"certificate" in answer:
        return "enrolled"
    return answer.get(b"_error_code", b"cut").decode("ascii", "replace")
