"""Impostors: they have a certificate, and are not what they say."""

import contextlib
import socket
import ssl
from pathlib import Path

from evenrack.lab.intruder.strangers import ANSWER_SECONDS, box, dial_with, read_box


def say_hello(identity: Path, host: str, port: int, protocol: int) -> dict[str, object]:
    """Say hello as a rack whose identity this is, in a version of the conversation."""
    with dial_with(identity, host, port) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(box(hello(protocol), 1))
        answer = read_box(connection)
    return {
        "answered": b"process" in answer,
        "error": answer.get(b"_error_code", b"").decode("ascii", "replace"),
    }


def hello(protocol: int, hostname: str = "impostor") -> dict[bytes, bytes]:
    """Give a hello in a version of the conversation; who says it is the certificate's."""
    return {
        b"_command": b"Hello",
        b"protocol": str(protocol).encode(),
        b"run": b"impostor",
        b"hostname": hostname.encode(),
        b"generation": b"0.0",
        b"fingerprint": b"",
    }


def pose_as_region(identity: Path, host: str, port: int, seconds: float) -> dict[str, object]:
    """Answer whoever dials with a certificate that is no region's, and tell what was heard."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    visits, heard = 0, b""
    with socket.create_server((host, port)) as server:
        server.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            plain, _ = server.accept()
            visits += 1
            plain.settimeout(ANSWER_SECONDS)
            with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as end:
                heard = end.recv(4096)
    return {"visits": visits, "heard": len(heard)}
