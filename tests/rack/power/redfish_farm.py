"""A Redfish service that others wrote: sushy-tools' emulator over TLS, a machine for each test.

Its machines agree at once and do it up to a second later.
"""

import base64
import hashlib
import pickle
import re
import socket
import sqlite3
import ssl
import sys
import time
import urllib.request
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import bcrypt
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from evenrack.model.power import BmcAccess
from evenrack.runtime.child_process import ProgramId, is_alive, start_detached, stop_program
from evenrack.trust.certificates import (
    Identity,
    certificate_der,
    certificate_pem,
    key_pem,
    new_key,
)
from tests.free_ports import free_tcp_port
from tests.rack.power.failing import failure_of
from tests.stopwatch import Stopwatch
from tests.trusted import handmade

ADDRESS = IPv4Address("127.0.0.1")
USER, PASSWORD = "operator", "s3cret-of-19-letter"
START_SECONDS = 30
TAKES_SECONDS = 1
WORDS = {
    "On": "on",
    "ForceOff": "off",
    "ForceRestart": "reset 1",
    "GracefulShutdown": "shutdown 1",
}
CONFIGURATION = """SUSHY_EMULATOR_FAKE_SYSTEMS = []
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_AUTH_FILE = "{folder}/users"
"""


def fingerprint(certificate):
    return hashlib.sha256(certificate_der(certificate)).hexdigest()


def own_certificate(by=None, *, name=None, at=None):
    """A BMC's key and certificate: its own, or signed by an authority, for an address or a name."""
    who = x509.IPAddress(ADDRESS) if name is None else x509.DNSName(name)
    return handmade(who, usage=ExtendedKeyUsageOID.SERVER_AUTH, by=by, at=at)


def unreadable_certificate(by, names):
    """Make one whose names are these bytes, and no form that anybody knows."""
    key, now = new_key(), datetime.now(UTC)
    content = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(content, critical=False)
        .sign(by.key, hashes.SHA256())
    )
    return Identity(key=key, certificate=certificate)


@frozen(kw_only=True)
class Emulator:
    """The program, and the machines that it has now."""

    folder: Path
    port: int
    program: ProgramId
    certificate: x509.Certificate

    @classmethod
    def start(cls, folder):
        """Start one; it answers when this returns."""
        folder.mkdir()
        identity, port = own_certificate(), free_tcp_port()
        (folder / "conf").write_text(CONFIGURATION.format(folder=folder))
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "users").write_text(f"{USER}:{hashed}\n")
        (folder / "certificate").write_bytes(certificate_pem(identity.certificate))
        (folder / "key").write_bytes(key_pem(identity.key))
        launcher = Path(__file__).with_name("sushy_emulator.py")
        options = ["--fake", "--config", "conf", "-i", str(ADDRESS), "-p", str(port)]
        options += ["--ssl-certificate", "certificate", "--ssl-key", "key"]
        program = start_detached(
            [sys.executable, str(launcher), str(TAKES_SECONDS), *options],
            log=folder / "log",
            directory=folder,
        )
        started = cls(folder=folder, port=port, program=program, certificate=identity.certificate)
        started._wait()
        return started

    def _wait(self):
        give_up = time.monotonic() + START_SECONDS
        while is_alive(self.program) and time.monotonic() < give_up:
            try:
                socket.create_connection((str(ADDRESS), self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
                continue
            return
        raise TimeoutError(f"no emulator answers: {self.log()}")

    def log(self):
        return (self.folder / "log").read_text()

    def give(self, *names):
        """Let it have these machines and no others; they are off."""
        systems = [
            {"uuid": str(uuid.uuid4()), "name": name, "power_state": "Off", "nics": []}
            for name in names
        ]
        with self._kept() as kept:
            kept.execute("delete from cache")
            for system in systems:
                _put(kept, system)
        return [Machine(emulator=self, id=each["uuid"]) for each in systems]

    def _kept(self):
        file = self.folder / "fakedriver.sqlite"
        if not file.exists():  # it is made at the first request for a system
            self.ask("/redfish/v1/Systems")
        return _Kept(file)

    def ask(self, path):
        """Ask as another client does."""
        who = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"https://{ADDRESS}:{self.port}{path}", headers={"Authorization": f"Basic {who}"}
        )
        context = ssl.create_default_context(cafile=self.folder / "certificate")
        opened = urllib.request.urlopen(request, context=context, timeout=10)  # noqa: S310  https
        with opened as answer:
            return answer.read()

    def stop(self):
        stop_program(self.program, seconds=1)


@frozen(kw_only=True)
class Machine:
    """One machine of it, in the manner of `bmc_farm.Bmc`."""

    emulator: Emulator
    id: str

    def access(self, **more):
        given = {
            "address": ADDRESS,
            "port": self.emulator.port,
            "user": USER,
            "password": PASSWORD,
            "driver": "redfish",
            "certificate_sha256": fingerprint(self.emulator.certificate),
        }
        return BmcAccess(**given | more)

    def told(self):
        """List what the service was told about this machine, in order, by its own log."""
        found = re.findall(
            rf'^System "{self.id}" power state set to "(\w+)"|^Set boot (\w+) to "(\w+)" for system'
            rf' "{self.id}"',
            self.emulator.log(),
            re.MULTILINE,
        )
        return [WORDS.get(kind, kind) or f"boot {what} {to}" for kind, what, to in found]

    def press(self, state):
        """Turn the machine on or off by its button: the service is not told."""
        with self.emulator._kept() as kept:
            system = self._read(kept)
            _put(kept, system | {"power_state": state.capitalize(), "pending_power": None})

    def power(self):
        with self.emulator._kept() as kept:
            return self._read(kept)["power_state"].lower()

    def _read(self, kept):
        row = kept.execute("select value from cache where key = ?", (pickle.dumps(self.id),))
        return pickle.loads(row.fetchone()[0])  # noqa: S301  our own program's


class _Kept:
    """The file in which it keeps its machines."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        self._open = closing(sqlite3.connect(self._file, timeout=10))
        self._connection = self._open.__enter__()
        return self._connection

    def __exit__(self, *problem):
        self._connection.commit()
        self._open.__exit__(*problem)


def _put(kept, system):
    kept.execute(
        "insert or replace into cache values (?, ?)",
        (pickle.dumps(system["uuid"]), pickle.dumps(system)),
    )


failure = partial(failure_of, Stopwatch, PASSWORD)
