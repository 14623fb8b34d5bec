"""Real region and rack services living on the hosts of a world, started and killed at will."""

import shutil

import attrs
from twisted.internet.interfaces import IReactorTime

from evenrack.config.key_file import NO_KEYS
from evenrack.config.rack_config import RackConfig
from evenrack.config.region_config import BalanceSettings, DhcpBalance, RegionConfig
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import ProcessId, RegionId, new_rack_id, process_id
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService
from evenrack.rack.service import Surroundings as RackSurroundings
from evenrack.rack.state_folder import StateFolder
from evenrack.region.database.process_store import Registration
from evenrack.region.sealing import Sealer
from evenrack.region.service import RegionService, Surroundings
from evenrack.trust.tls import Peer
from tests.no_dhcp import (
    NO_FILE,
    no_bmc_answers,
    no_leases,
    no_listener,
    think_here,
)
from tests.simulation.causes import HOLD_DOWN_SECONDS
from tests.simulation.network import Network
from tests.simulation.simulated_database import SimulatedDatabase
from tests.simulation.world import ProgramClock, WorldEndpoint, kill
from tests.trusted import NoTrust, OpenDoor

EVIDENCE_SECONDS = None
"""After which a lost server is called dead; in most worlds no rack is lost for so long."""
REGION_HOSTS = 2
PROCESSES = 2
"""On each region host."""
RACKS = 4
SERVER_NOTICES_SECONDS = 9.0
"""So long the sessions of a host that is gone stay open."""


@attrs.define
class Program:
    """One run of one program."""

    name: str
    clock: IReactorTime
    service: object
    database: object = None


class Fleet:
    """Every program of the world by name: `region1/2`, `rack3`."""

    def __init__(self, world, server, folder, *, mutate=None):
        self.world = world
        self.server = server
        self.folder = folder
        self.processes = [
            process_id(RegionId(f"region{host}"), instance)
            for host in range(1, 1 + REGION_HOSTS)
            for instance in range(1, 1 + PROCESSES)
        ]
        self.racks = [f"rack{number}" for number in range(1, 1 + RACKS)]
        self.identities = {name: new_rack_id(self._token_bytes) for name in self.racks}
        self.network = Network(world, self.racks)
        self.running = {}
        self._mutate = mutate
        server.transaction(self.network.create_inventory)
        for name in self.names:
            self.start(name)

    @property
    def names(self):
        return [*self.processes, *self.racks]

    @property
    def hosts(self):
        return sorted({host_of(name) for name in self.names})

    def on(self, host):
        """Name the programs of a host."""
        return [name for name in self.names if host_of(name) == host]

    def start(self, name):
        chance = self.world.random
        clock = ProgramClock(self.world, host_of(name), chance.choice((0, 0, 3600, 1e6)))
        self.world.note("start", name)
        build = self._process if name in self.processes else self._rack
        program = build(name, clock)
        self.running[name] = program
        if self._mutate is not None:
            self._mutate(program)
        program.service.startService()

    def kill(self, name, *, silently=False):
        """End a program as SIGKILL does; or silently, as its host does when its power fails."""
        program = self.running[name]
        if program.clock.dead:
            return
        kill(self.world, program.clock, silently=silently)
        if program.database is not None:
            # a server hears nothing from a host that is gone: it finds out by keep-alive
            self.world.at(SERVER_NOTICES_SECONDS if silently else 0.0, program.database.die)

    def copy_rack(self, name):
        """Start a second host with the whole content of a rack's host (M8); name the copy."""
        copy = f"{name}-copy"
        if copy in self.running and not self.running[copy].clock.dead:
            return copy
        shutil.rmtree(self.folder / copy, ignore_errors=True)
        shutil.copytree(self.folder / name, self.folder / copy)
        self.identities[copy] = self.identities[name]
        self.start(copy)
        return copy

    def is_alive(self, name):
        clock = self.running[name].clock
        return not clock.dead and not clock.paused

    def leader(self):
        """Name the process that believes it leads, or any."""
        for name in self.processes:
            if self.running[name].service.leader.seat.epoch is not None:
                return name
        return self.processes[0]

    def _process(self, name, clock):
        host, _, instance = name.partition("/")
        address = HostPort(host="127.0.0.1", port=5250 + int(instance) + 10 * int(host[-1]))
        database = SimulatedDatabase(self.server, clock, name)
        config = RegionConfig(
            database="",
            region_name=host,
            balance=BalanceSettings(
                dhcp=DhcpBalance(hold_down=HOLD_DOWN_SECONDS, auto_partner_down=EVIDENCE_SECONDS)
            ),
        )

        def listen(factory):
            self.world.listeners[address] = (clock, factory)

        service = RegionService(
            config,
            Registration(process=ProcessId(name), hostname=host, pid=1, addresses=(address,)),
            Surroundings(
                database=database,
                clock=clock,
                wall_clock=clock.wall_clock,
                token_bytes=self._token_bytes,
                notifier=database,
                think=database.think,
                listen=listen,
                sealer=Sealer(keys=NO_KEYS, token_bytes=self._token_bytes),
                doorkeeper=OpenDoor(self._rack_at),
            ),
        )
        return Program(name, clock, service, database)

    def _rack(self, name, clock):
        def endpoint_for(addresses):
            return AddressesInTurn([WorldEndpoint(self.world, clock, a) for a in addresses])

        first = HostPort(host="127.0.0.1", port=5261)
        second = HostPort(host="127.0.0.1", port=5272)
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        rack = self.identities[name]
        dhcp_server = self.network.server_on(name, rack)
        dhcp_server.clock = clock
        service = RackService(
            RackConfig(regions=(first, second), rack_name=name),
            rack,
            RackSurroundings(
                clock=clock,
                wall_clock=clock.wall_clock,
                token_bytes=self._token_bytes,
                dialling=Dialling(
                    configured=(first, second),
                    endpoint_for=endpoint_for,
                    jitter=self.world.random.random,
                ),
                state=StateFolder(folder),
                interfaces=self.network.interfaces_of(name),
                dhcp_server=dhcp_server,
                think=think_here,
                leases=no_leases,
                lease_files=(NO_FILE, NO_FILE),
                listener=no_listener,
                find_hosts=self.network.find_hosts_on(name),
                driver=None,
                ask_bmc=no_bmc_answers,
                trust=NoTrust(),
            ),
        )
        return Program(name, clock, service)

    def _rack_at(self, transport):
        """Say who is at the other end: the world knows, as a certificate would say."""
        name = transport.other.clock.host
        return Peer(rack=self.identities[name], serial=name)

    def _token_bytes(self, count):
        return self.world.random.randbytes(count)


def host_of(name):
    """Name the host that a program runs on."""
    return name.partition("/")[0]
