"""Whole region processes and rack daemons in this program's reactor, on loopback."""

import atexit
import http.client
import json
import secrets
import shutil
import socket
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

import evenrack.rack.assemble
import evenrack.region.assemble
from evenrack.config.rack_config import RackConfig, RackDhcp, RackLiveness
from evenrack.config.region_config import (
    BalanceSettings,
    HttpSettings,
    RegionConfig,
    RegionLiveness,
    RpcSettings,
)
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import new_rack_id, process_id
from evenrack.rack.trust_keeper import TrustKeeper
from evenrack.region.database.engine import attempt, open_engine
from evenrack.region.database.event_store import read_events
from evenrack.region.database.fleet_cache import read_fleet
from evenrack.region.service import RegionService
from evenrack.runtime.wall_clock import utc_now
from tests.free_ports import free_ports
from tests.trusted import enrol, equip

CALM = RegionLiveness(beat_seconds=0.3, dead_after_seconds=8, silence_seconds=8)
CALM_RACK = RackLiveness(ping_seconds=0.3, silence_seconds=8)
"""Where nobody waits for a silence: nothing is lost because a busy machine stands still."""
QUICK = RegionLiveness(beat_seconds=0.3, dead_after_seconds=1.5, silence_seconds=1.5)
QUICK_RACK = RackLiveness(ping_seconds=0.3, silence_seconds=1.5)
"""Where a test waits until somebody is lost in silence."""
PATIENT = RegionLiveness(dead_after_seconds=20.0, silence_seconds=20.0)
PATIENT_RACK = RackLiveness(silence_seconds=20.0)
"""Where a link that a busy machine holds up must not end: it could not come back."""
LOOK_SECONDS = 0.03
LOOKING_COSTS = 15
"""Between two looks so many times as long as one took: those that wait for a fleet read it whole,
and must not keep the processors from the fleet."""
MOST_LOOK_SECONDS = 0.5
PORTS_FOR_EACH_HOST = 4
ANSWER_SECONDS = 30
PATIENT_SECONDS = 20.0
"""So long a process of tests waits for PostgreSQL before it answers that there is none."""


async def eventually(condition, seconds=60.0):
    """Wait until the condition, a function or an async one, gives something true; give that."""
    end = reactor.seconds() + seconds
    while True:
        begun = reactor.seconds()
        found = condition()
        if hasattr(found, "__await__"):
            found = await found
        if found:
            return found
        assert reactor.seconds() < end, f"not within {seconds} s: {condition}"
        await _until_the_next_look(begun)


async def goes_on(condition, seconds):
    """Check that something stays true for so long."""
    end = reactor.seconds() + seconds
    while reactor.seconds() < end:
        begun = reactor.seconds()
        assert condition()
        await _until_the_next_look(begun)


async def _until_the_next_look(begun):
    took = reactor.seconds() - begun
    pause = min(MOST_LOOK_SECONDS, max(LOOK_SECONDS, LOOKING_COSTS * took))
    await deferLater(reactor, pause)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    """What HTTP answered."""

    def __init__(self, response):
        self.status = response.status
        self.type = response.headers.get("content-type")
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


def asked(where, path, method="GET", body=None):
    """Ask once, in this thread: a socket's path or a (host, port)."""
    if isinstance(where, tuple):
        connection = http.client.HTTPConnection(*where, timeout=ANSWER_SECONDS)
    else:
        connection = _UnixConnection(where)
    try:
        kind = {} if body is None else {"Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, headers={"Connection": "close", **kind})
        return Answer(connection.getresponse())
    finally:
        connection.close()


async def ask(where, path, method="GET", body=None):
    """Ask once, in a thread: the one who answers lives in this reactor."""
    return await deferToThread(asked, where, path, method, body)


def trust_of(state):
    """What keeps the trust of a rack that is put together by hand; it renews nothing."""
    return TrustKeeper(state.trust, state.rack_id(), list, reactor, utc_now, lambda: 0.5)


class Region:
    """One running region process."""

    def __init__(self, config, instance):
        self.id = process_id(config.region_name, instance)
        self.config = config
        self.instance = instance
        self.socket = config.administration_socket(instance)
        self.port = config.rpc.port_of(instance)
        self.door = (config.http.listen.host, config.http.listen.port)
        self.running = evenrack.region.assemble.assemble(config, self.id, instance, reactor)
        (self.service,) = [s for s in self.running.services if isinstance(s, RegionService)]

    async def get(self, path):
        return await ask(self.socket, path)

    async def status(self):
        return (await self.get("/api/v1/status")).json

    def sockets(self):
        """The links that this process really holds."""
        return {link.link for link in self.service.connected.all_links()}


class Fleet:
    """Region processes and racks that share a database and an authority."""

    def __init__(self, dsn, folder, rack_liveness=CALM_RACK):
        self.dsn = dsn
        self.folder = folder
        self.rack_liveness = rack_liveness
        self.regions = {}
        self.racks = {}
        self._hosts = {}
        self._engine = open_engine(dsn, "tests", sessions=2)
        self._picture = self._engine.execution_options(isolation_level="REPEATABLE READ")

    def region_config(self, host, liveness=CALM):
        if host not in self._hosts:
            before = free_ports(PORTS_FOR_EACH_HOST)
            http_port = before + PORTS_FOR_EACH_HOST
            self._hosts[host] = RegionConfig(
                database=self.dsn,
                region_name=host,
                run_dir=self.folder / host,
                state_dir=self.folder / host / "state",
                rpc=RpcSettings(port=before),
                http=HttpSettings(listen=HostPort(host="127.0.0.1", port=http_port)),
                liveness=liveness,
                balance=BalanceSettings(quiet=0.4),
            )
        return self._hosts[host]

    def start_region(self, host="region1", instance=1, *, liveness=CALM):
        config = self.region_config(host, liveness)
        equip(config.state_dir, host)
        region = Region(config, instance)
        region.running.startService()
        self.regions[region.id] = region
        return region

    def start_rack(self, name, *ports, state=None, key=None, by=None):
        """A rack daemon that knows these ports; without any, those of one region process."""
        ports = ports or (next(iter(self.regions.values())).port,)
        config = RackConfig(
            regions=tuple(HostPort(host="127.0.0.1", port=port) for port in ports),
            rack_name=name,
            state_dir=state or self.folder / name,
            liveness=self.rack_liveness,
            dhcp=RackDhcp(runner="child"),
        )
        enrol(config.state_dir, new_rack_id(secrets.token_bytes), by=by)
        rack = evenrack.rack.assemble.assemble(
            config, reactor, jitter=lambda: 0.5, token_bytes=secrets.token_bytes
        )
        rack.startService()
        self.racks[key or name] = rack
        return rack

    async def stop_region(self, region):
        del self.regions[region.id]
        await region.running.stopService()

    async def stop_rack(self, name):
        stopping = self.racks.pop(name).stopService()
        if stopping is not None:
            await stopping

    async def stop(self):
        for name in list(self.racks):
            await self.stop_rack(name)
        for region in list(self.regions.values()):
            await self.stop_region(region)
        self._engine.dispose()

    def read(self):
        """The fleet as the tables show it."""
        return attempt(self._picture, read_fleet)

    def rows(self, statement):
        def work(connection):
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

        return attempt(self._engine, work)

    def events(self, *kinds, after=0):
        found = attempt(self._engine, lambda c: read_events(c, after=after, limit=1000))
        return [event for event in found if not kinds or event["kind"] in kinds]

    def last_event(self):
        return max((event["id"] for event in self.events()), default=0)

    def managers(self):
        fleet = self.read()
        return {fleet.racks[rack].hostname: fleet.manager_of(rack) for rack in fleet.racks}

    def rows_equal_sockets(self):
        rows = self.rows("SELECT process_id, link FROM connection WHERE rack_holds")
        real = {(r.id, link) for r in self.regions.values() for link in r.sockets()}
        return set(rows) == real

    def is_whole(self):
        """Every rack connected everywhere, managed, with its newest plan; rows equal sockets."""
        if not self._may_be_whole():
            return False
        fleet = self.read()
        return (
            set(fleet.live) == set(self.regions)
            and {rack.rack for rack in self.racks.values()}
            == {rack for rack, reach in fleet.reach.items() if reach}
            and all(reach in {(), fleet.live} for reach in fleet.reach.values())
            and all(self._is_served(fleet, rack) for rack in self.racks.values())
            and self.rows_equal_sockets()
        )

    def _may_be_whole(self):
        """What costs little to ask, before the fleet is read whole."""
        held = self.rows(
            "SELECT r.id FROM rack r JOIN managing m ON m.rack_id = r.id "
            "WHERE (r.holds_era, r.holds_generation) = (m.era, m.generation)"
        )
        return {rack.rack for rack in self.racks.values()} <= {
            rack for (rack,) in held
        } and self.rows_equal_sockets()

    def has_leader(self):
        """Whether a process leads, without reading the fleet whole."""
        ((holder,),) = self.rows("SELECT holder_id FROM leadership")
        return holder is not None

    def number(self):
        """What grows with each change of the fleet, also without reading it whole."""
        (number,) = self.rows("SELECT era, generation FROM leadership")
        return number

    def _is_served(self, fleet, rack):
        manager = fleet.manager_of(rack.rack)
        return (
            manager is not None
            and rack.lease.manager == manager
            and rack.newest.number == fleet.managing[rack.rack].number
            and rack.newest.plan.managed_by == manager
            and fleet.racks[rack.rack].holds == rack.newest.number
        )


@asynccontextmanager
async def fleet_on(dsn, *hosts, liveness=CALM, rack_liveness=CALM_RACK):
    """A fleet with one process on each of these hosts; all of it is stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))  # short: it has sockets in it
    fleet = Fleet(dsn, folder, rack_liveness)
    try:
        for host in hosts:
            fleet.start_region(host, liveness=liveness)
        yield fleet
    finally:
        await fleet.stop()
        # at the end of all: what a stopped rack still writes, in a thread, finds its folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
