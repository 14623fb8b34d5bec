"""The strangers of the drill really say what they mean to: to who would answer, they are heard."""

import contextlib
import socket
import ssl
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.protocols import amp

from evenrack.lab.intruder.strangers import (
    COMMANDS,
    box,
    in_the_clear,
    of_another_cluster,
    send_all_commands,
    with_no_certificate,
    with_tls_1_2,
)
from tests.trusted import authority, region_identity
from tests.wire.test_commands import RACK_ASKS

_PEM = Encoding.PEM


@contextlib.contextmanager
def listener(answer, context=None):
    """A server that answers every connection's first bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), connection:
                    if context is not None:
                        connection = context.wrap_socket(connection, server_side=True)
                    if connection.recv(4096) and answer:
                        connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def tls(tmp_path):
    """A server's context that takes whoever comes, with TLS 1.2 too."""
    path = tmp_path / "identity.pem"
    path.write_bytes(region_identity(by=authority()).pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[b"_command"].decode())
def test_what_they_send_is_amp(command):
    (parsed,) = amp.parseString(box(command, 7))
    assert dict(parsed) == {**command, b"_ask": b"7"}


def test_strangers_try_everything_that_a_rack_may_ask_and_what_nobody_may():
    tried = {command[b"_command"] for command in COMMANDS}
    assert tried == {command.commandName for command in RACK_ASKS} - {b"Enrol"} | {b"Nonsense"}


@pytest.mark.parametrize("dial", [with_no_certificate, with_tls_1_2])
def test_who_answers_is_told(dial, tls):
    with listener(b"answer", tls) as where:
        assert send_all_commands(dial, *where, 3)["answered"] == 3


def test_a_certificate_of_another_cluster_is_shown(tls):
    tls.load_verify_locations(cadata=authority().certificate.public_bytes(_PEM).decode())
    tls.verify_mode = ssl.CERT_REQUIRED
    with listener(b"answer", tls) as where, of_another_cluster() as dial:
        outcomes = send_all_commands(dial, *where, 2)
    assert outcomes["answered"] == 0
    assert outcomes["refused in the handshake"] + outcomes["cut"] == 2


def test_who_cuts_is_told():
    with listener(b"") as where:
        assert send_all_commands(in_the_clear, *where, 2) == {
            "answered": 0,
            "cut": 2,
            "refused in the handshake": 0,
        }
