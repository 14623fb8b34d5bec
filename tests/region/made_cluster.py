"""A cluster made as operators make it: init on every host, an enrolment for every rack."""

import secrets
import shutil
from contextlib import asynccontextmanager
from datetime import timedelta

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from evenrack.config.key_file import load_keys
from evenrack.config.secret_file import Secret
from evenrack.rack.register import Newcomer, register
from evenrack.rack.state_folder import StateFolder
from evenrack.region.database.engine import attempt
from evenrack.region.database.enrolment_store import (
    NewEnrolment,
    add_enrolment,
    keep_secret,
    secret_cell,
)
from evenrack.region.database.trust_store import active_authority
from evenrack.region.initialise import Chance, initialise
from evenrack.region.sealing import Sealer
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.certificates import certificates_from_pem, pin_of
from evenrack.trust.enrolment import SECRET_BYTES, EnrolmentSecret
from tests.region.http.inventory_api import Api
from tests.region.processes import CALM, CALM_RACK, fleet_on

HOUR = timedelta(hours=1)
LINGER_SECONDS = 0.6
"""A region looks half a second after an enrolment whether the rack has left."""


class MadeCluster:
    """A fleet whose region hosts have keys, and certificates of an authority in the database."""

    def __init__(self, fleet, liveness):
        self.fleet = fleet
        self._liveness = liveness
        self.quiet_at = 0.0

    async def initialise(self, host):
        """Run init there; the key file of the first host is copied to the others."""
        keys = self.fleet.folder / f"{host}.keys"
        config = evolve(self.fleet.region_config(host, self._liveness), key_file=keys)
        first = next(self.fleet.folder.glob("*.keys"), keys)
        if first != keys:
            shutil.copy(first, keys)
        self.fleet._hosts[host] = config
        chance = Chance(token_bytes=secrets.token_bytes)
        return await deferToThread(initialise, config, hostname=host, chance=chance)

    async def start_region(self, host, instance=1):
        await self.initialise(host)
        return self.fleet.start_region(host, instance)

    def api(self):
        return Api(next(iter(self.fleet.regions.values())))

    def run(self, work):
        """One transaction on a session of the test's own."""
        return attempt(self.fleet._engine, work)

    def sealer(self):
        keys = load_keys(next(self.fleet.folder.glob("*.keys")))
        return Sealer(keys=keys, token_bytes=secrets.token_bytes)

    def new_secret(self, name="lab", *, uses=1, life=HOUR, rack=None):
        """An enrolment secret, as the API makes it."""
        secret, lookup = Secret(secrets.token_bytes(SECRET_BYTES)), secrets.token_hex(4)

        def work(connection):
            new = NewEnrolment(name=name, who="test", rack=rack, uses=uses, life=life)
            number = add_enrolment(connection, new, lookup)
            keep_secret(connection, number, self.sealer().seal(secret, secret_cell(number)))
            (authority,) = certificates_from_pem(active_authority(connection).certificate.encode())
            return pin_of(authority)

        return EnrolmentSecret(lookup=lookup, secret=secret, pin=self.run(work))

    async def register(self, secret, hostname="rack1", region=None):
        """Enrol with this secret at one process; give what a rack then has."""
        region = region or next(iter(self.fleet.regions.values()))
        newcomer = Newcomer(hostname=hostname, secret=secret, clock=reactor, wall_clock=utc_now)
        try:
            return await register(TCP4ClientEndpoint(reactor, "127.0.0.1", region.port), newcomer)
        finally:
            self.quiet_at = reactor.seconds() + LINGER_SECONDS

    async def start_rack(self, name, *ports):
        """Enrol a rack that is not yet, and start it."""
        state = StateFolder(self.fleet.folder / name)
        if not state.trust.are_there:
            secret = self.new_secret(f"for-{name}-{secrets.token_hex(2)}")
            (await self.register(secret, name)).keep(state)
        return self.fleet.start_rack(name, *ports)


@asynccontextmanager
async def cluster_on(dsn, *hosts, liveness=CALM, rack_liveness=CALM_RACK):
    """A cluster with one process on each of these hosts."""
    async with fleet_on(dsn, rack_liveness=rack_liveness) as fleet:
        cluster = MadeCluster(fleet, liveness)
        for host in hosts:
            await cluster.start_region(host)
        yield cluster
        await deferLater(reactor, max(0.0, cluster.quiet_at - reactor.seconds()))
