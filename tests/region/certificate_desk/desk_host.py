"""One region host with the desks of its processes, by a clock that we move."""

import secrets
from datetime import timedelta

from twisted.internet import reactor
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from evenrack.config.key_file import load_keys
from evenrack.config.region_config import RegionConfig
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.trust_store import (
    Issued,
    active_authority,
    record_certificate,
    set_state,
    store_authority,
)
from evenrack.region.initialise import Chance, initialise
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import CertificateDesk, DeskSurroundings, region_files
from evenrack.trust.certificates import certificates_from_pem, new_authority
from tests.region.processes import eventually
from tests.trusted import now

HOST = "region1"
RACK, OTHER_RACK = RackId("aaaaaaaa"), RackId("bbbbbbbb")


class ChangingKeys:
    """The keys of a host, which come and go."""

    def __init__(self, keys):
        self.now = keys

    all = property(lambda self: self.now.all)
    first = property(lambda self: self.now.first)

    def find(self, key_id):
        return self.now.find(key_id)


class Host:
    """One region host: files, keys, the clock by which it signs, and the desks of its processes."""

    def __init__(self, dsn, sessions, folder):
        self.dsn = dsn
        self.sessions = sessions
        self.now = self.began = now()
        self.config = RegionConfig(
            database=dsn, region_name=HOST, key_file=folder / "keys", state_dir=folder / "state"
        )
        chance = Chance(token_bytes=secrets.token_bytes, read_clock=self.read_clock)
        initialise(self.config, hostname=HOST, chance=chance)
        self.keys = ChangingKeys(load_keys(self.config.key_file))
        self.sealer = Sealer(keys=self.keys, token_bytes=secrets.token_bytes)
        self.files = region_files(self.config)
        self.desks = []

    def read_clock(self, _connection):
        """The database's clock, which the test moves."""
        return self.now

    def start(self, number=1, *, jitter=0.5, dsn=None, files=None):
        database = PooledDatabase(dsn or self.dsn, reactor, name=f"{HOST}/{number}")
        desk = CertificateDesk(
            DeskSurroundings(
                database=database,
                clock=Clock(),
                read_clock=self.read_clock,
                token_bytes=secrets.token_bytes,
                jitter=lambda: jitter,
                sealer=self.sealer,
                files=files or self.files,
                process=ProcessId(f"{HOST}/{number}"),
                region=HOST,
            )
        )
        desk.startService()
        self.desks.append((desk, database))
        return desk

    async def look(self, desk, seconds=1.0):
        """Let the desk look once."""
        desk._around.clock.advance(seconds)
        await eventually(lambda: not desk._looking._busy)

    async def stop(self):
        for desk, database in self.desks:
            await eventually(lambda desk=desk: not desk._looking._busy)
            await desk.stopService()
            database.close()

    def own(self):
        """The serial numbers that were signed for this host, the oldest first."""
        rows = self.sessions.rows(
            "SELECT serial FROM certificate WHERE region = 'region1' ORDER BY at"
        )
        return [serial for (serial,) in rows]

    def authority(self):
        return certificates_from_pem(self.sessions.run(active_authority).certificate.encode())[0]

    def store(self, state="next"):
        """Another authority; give its number and certificate."""
        made = new_authority(self.now)
        number = self.sessions.run(lambda c: store_authority(c, self.sealer, made, state=state))
        return number, made.certificate

    def activate(self, number):
        def work(connection):
            set_state(connection, active_authority(connection).id, "retiring")
            set_state(connection, number, "active")

        self.sessions.run(work)

    def pass_a_minute(self):
        """After it racks may renew again."""
        self.sessions.change("UPDATE certificate SET at = at - interval '61 seconds'")
        for desk, _ in self.desks:
            desk._around.clock.advance(61)

    def issued(self, serial, rack=RACK):
        certificate = Issued(
            serial=serial, authority=1, not_after=now() + timedelta(days=30), rack=rack
        )
        self.sessions.run(lambda c: record_certificate(c, certificate))


def presented(desk):
    """What the next rack that connects is shown."""
    connection = desk.tls.serverConnectionForTLS(Protocol())
    return connection.get_certificate().to_cryptography()
