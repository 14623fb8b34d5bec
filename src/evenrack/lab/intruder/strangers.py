"""Strangers: they dial a region process and send commands to which they have no right."""

import socket
import ssl
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from evenrack.model.identifiers import RackId
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.certificates import Identity, issue_for_rack, new_authority, new_key

COMMANDS = (
    {b"_command": b"Hello", b"protocol": b"2", b"run": b"r", b"hostname": b"rack1"},
    {b"_command": b"Ping"},
    {b"_command": b"Goodbye"},
    {b"_command": b"ListEndpoints"},
    {b"_command": b"ListAuthorities", b"known": b""},
    {b"_command": b"RenewCertificate", b"request": b"x"},
    {b"_command": b"ReportLostLink", b"link": b"x"},
    {b"_command": b"ReportInterfaces", b"interfaces": b"1", b"interfaces.0": b"[]"},
    {b"_command": b"ReportLeases", b"news": b"1", b"news.0": b"{}"},
    {b"_command": b"ReportReach", b"bmcs": b"1", b"bmcs.0": b"[]"},
    {b"_command": b"ReportDhcp", b"report": b"1", b"report.0": b"{}"},
    {
        b"_command": b"RecordPhase",
        b"order": b"1",
        b"attempt": b"1",
        b"before": b"NEW",
        b"after": b"ON_SEEN",
    },
    {b"_command": b"Nonsense"},
)
"""Right and wrong; AMP boxes without their `_ask`."""

ANSWER_SECONDS = 4.0
_AMP_LENGTH = struct.Struct("!H")

Dial = Callable[[str, int], socket.socket]


def box(command: dict[bytes, bytes], ask: int) -> bytes:
    """Write an AMP box that wants an answer."""
    pairs = {**command, b"_ask": str(ask).encode()}
    written = b"".join(
        _AMP_LENGTH.pack(len(part)) + part for pair in pairs.items() for part in pair
    )
    return written + _AMP_LENGTH.pack(0)


def send_all_commands(dial: Dial, host: str, port: int, count: int) -> dict[str, int]:
    """Send so many commands, each on a connection of its own; count what came of them."""
    outcomes = {"answered": 0, "cut": 0, "refused in the handshake": 0}
    for number in range(count):
        outcomes[_send(dial, host, port, COMMANDS[number % len(COMMANDS)], number)] += 1
    return outcomes


def _send(dial: Dial, host: str, port: int, command: dict[bytes, bytes], ask: int) -> str:
    try:
        connection = dial(host, port)
    except (ssl.SSLError, ConnectionError):
        return "refused in the handshake"
    with connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.sendall(box(command, ask))
            answer = connection.recv(4096)
        except ssl.SSLError:
            # TLS 1.3: the region judges a certificate when the client thinks that all is well
            return "refused in the handshake"
        except OSError:
            return "cut"
    return "answered" if answer else "cut"


def in_the_clear(host: str, port: int) -> socket.socket:
    """Dial without TLS."""
    return socket.create_connection((host, port), timeout=ANSWER_SECONDS)


def with_no_certificate(host: str, port: int) -> socket.socket:
    """Dial with TLS, and show nothing."""
    return _over_tls(_context(), host, port)


def with_tls_1_2(host: str, port: int) -> socket.socket:
    """Dial with an older TLS."""
    context = _context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    return _over_tls(context, host, port)


@contextmanager
def of_another_cluster() -> Iterator[Dial]:
    """Dial with a rack's certificate that is right in all but who signed it."""
    now, key = utc_now(), new_key()
    signed = issue_for_rack(new_authority(now), key.public_key(), RackId("rack0001"), now)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "identity.pem"
        path.touch(mode=0o600)
        path.write_bytes(Identity(key=key, certificate=signed).pem)
        context = _context()
        context.load_cert_chain(path)
        yield lambda host, port: _over_tls(context, host, port)


def dial_with(identity: Path, host: str, port: int) -> socket.socket:
    """Dial with a certificate and key of a file."""
    context = _context()
    context.load_cert_chain(identity)
    return _over_tls(context, host, port)


class Words(Protocol):
    """Where a box comes from: a file, or a connection."""

    def read(self, size: int, /) -> bytes:
        """Read so many bytes, or fewer at the end."""


def read_box(connection: socket.socket) -> dict[bytes, bytes]:
    """Read one AMP box; an empty one when the connection ends first."""
    with connection.makefile("rb") as words:
        return box_of(words)


def box_of(words: Words) -> dict[bytes, bytes]:
    """Read one AMP box; an empty one when nothing comes."""
    found: dict[bytes, bytes] = {}
    while key := _read_part(words):
        found[key] = _read_part(words)
    return found


def _read_part(words: Words) -> bytes:
    length = words.read(_AMP_LENGTH.size)
    return words.read(*_AMP_LENGTH.unpack(length)) if len(length) == _AMP_LENGTH.size else b""


def _context() -> ssl.SSLContext:
    """Make a context that believes any region: it is the region that has to say no."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _over_tls(context: ssl.SSLContext, host: str, port: int) -> socket.socket:
    plain = in_the_clear(host, port)
    try:
        return context.wrap_socket(plain)
    except OSError:
        plain.close()
        raise
