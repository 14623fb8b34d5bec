"""The layout of a lab: names, addresses, folders and configuration files, as pure values."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from attrs import evolve, frozen

from evenrack.lab.bmc.simulator import BmcSimulator
from evenrack.lab.hosts import Host, InNamespaces, Wiring, this_machine
from evenrack.lab.network.plan import MOST_REPLICAS, NetworkPlan, bmc_address, client_vlan
from evenrack.lab.postgres_servers import PostgresServer, lay_out_servers
from evenrack.lab.refusals import LabRefused
from evenrack.lab.traffic.power_program import PowerTraffic
from evenrack.lab.traffic.program import TrafficProgram
from evenrack.trust.files import IDENTITY_FILE

RPC_PORT = 5250
DHCP_HOLD_DOWN_SECONDS = 15.0
"""Shorter than the default, so that nobody has to wait for it in a drill."""
AUTO_PARTNER_DOWN_SECONDS = 30.0
"""Shorter, too; a host that is cut off for less than both together is never called dead."""
_LONGEST_SOCKET_PATH = 107  # sun_path holds 108 bytes with the closing zero
_MOST_HOSTS = 99


@frozen(kw_only=True)
class Size:
    """How many of each a lab has."""

    region_hosts: int = 2
    processes: int = 2
    """Region processes on each region host."""
    racks: int = 4
    vlans: int = 4
    clients: int = 4
    """Hosts that want an address from DHCP; without a network there are none."""
    bmcs: int = 12
    """Each switches a machine; without a network there are none."""
    replicas: int = 0
    """PostgreSQL servers beside the first that begin as its standbys."""


@frozen(kw_only=True)
class RegionProcess:
    """One evenrack-regiond of the lab."""

    region: str
    instance: int
    host: Host
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.region}/{self.instance}"

    @property
    def endpoint(self) -> str:
        return f"{self.host.address}:{self.port}"

    @property
    def port(self) -> int:
        return RPC_PORT + self.instance

    @property
    def socket(self) -> Path:
        return self.folder / "run" / f"regiond-{self.instance}.sock"

    @property
    def config(self) -> Path:
        return self.folder / "regiond.conf"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def passfile(self) -> Path:
        return self.folder / "pgpass"

    @property
    def log(self) -> Path:
        return self.folder / f"regiond-{self.instance}.log"

    def arguments(self, programs: Path) -> list[str]:
        """Give the command that runs it."""
        program = str(programs / "evenrack-regiond")
        return [program, "run", "--config", str(self.config), "--instance", str(self.instance)]


@frozen(kw_only=True)
class DhcpServer:
    """A dhcpd of a rack: its rack daemon starts it, and keeps a note of which process it is."""

    rack: str
    host: Host
    folder: Path
    program: str = "dhcpd"
    """`dhcpd6` is the one for IPv6."""

    @property
    def name(self) -> str:
        return f"{self.rack}/{self.program}"

    @property
    def note(self) -> Path:
        return self.folder / "dhcpd.json"

    @property
    def log(self) -> Path:
        return self.folder / "dhcpd.log"


@frozen(kw_only=True)
class RackDaemon:
    """One evenrack-rackd of the lab."""

    rack: str
    host: Host
    folder: Path
    regions: tuple[str, ...]
    """The endpoints in its configuration file; it has to find the others by itself."""

    @property
    def name(self) -> str:
        return f"{self.rack}/rackd"

    @property
    def dhcp_server(self) -> DhcpServer:
        return DhcpServer(rack=self.rack, host=self.host, folder=self.state / "dhcp")

    @property
    def dhcp6_server(self) -> DhcpServer:
        return DhcpServer(
            rack=self.rack, host=self.host, folder=self.state / "dhcp6", program="dhcpd6"
        )

    @property
    def config(self) -> Path:
        return self.folder / "rackd.conf"

    @property
    def log(self) -> Path:
        return self.folder / "rackd.log"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def enrolment(self) -> Path:
        """The file of its enrolment secret, which is there while it enrols."""
        return self.folder / "enrolment"

    @property
    def is_enrolled(self) -> bool:
        return (self.state / IDENTITY_FILE).exists()

    def arguments(self, programs: Path) -> list[str]:
        """Give the command that runs it."""
        return [str(programs / "evenrack-rackd"), "run", "--config", str(self.config)]

    def with_regions(self, regions: Sequence[str]) -> "RackDaemon":
        """Give the same daemon with other endpoints in its configuration file."""
        return evolve(self, regions=tuple(regions))


Daemon = RegionProcess | RackDaemon
Program = Daemon | TrafficProgram | BmcSimulator | PowerTraffic


@frozen(kw_only=True)
class Fleet:
    """Everything a lab consists of."""

    directory: Path
    size: Size
    servers: tuple[PostgresServer, ...]
    processes: tuple[RegionProcess, ...]
    racks: tuple[RackDaemon, ...]
    network: NetworkPlan | None
    """None: all hosts are this machine."""
    clients: tuple[TrafficProgram, ...] = ()
    bmcs: tuple[BmcSimulator, ...] = ()
    power_traffic: PowerTraffic | None = None
    """Who asks BMCs all the time; nobody where there are none."""

    def server(self, name: str) -> PostgresServer | None:
        """Give the PostgreSQL server of this name; nothing for the name of another program."""
        return next((server for server in self.servers if server.name == name), None)

    def daemons(self) -> Iterator[Daemon]:
        """Region processes first, since racks look for them."""
        yield from self.processes
        yield from self.racks

    def daemon(self, name: str) -> Daemon:
        """Give the daemon of this name; KeyError without one."""
        return {daemon.name: daemon for daemon in self.daemons()}[name]

    def programs(self) -> Iterator[Program]:
        """Give everything that runs beside PostgreSQL: daemons, BMCs, and whoever asks them."""
        yield from self.daemons()
        yield from self.clients
        yield from self.bmcs
        if self.power_traffic is not None:
            yield self.power_traffic

    def dhcp_servers(self) -> list[DhcpServer]:
        """Give both DHCP servers of every rack; those of a lab without a network serve nobody."""
        if self.network is None:
            return []
        return [it for rack in self.racks for it in (rack.dhcp_server, rack.dhcp6_server)]

    def dhcp_server(self, name: str) -> DhcpServer | None:
        """Give the DHCP server of this name; nothing for the name of another program."""
        return next((server for server in self.dhcp_servers() if server.name == name), None)

    def program(self, name: str) -> Program:
        """Give the program of this name; KeyError without one."""
        return {program.name: program for program in self.programs()}[name]

    def host_of(self, program: str) -> Host:
        """Give the host of a program; KeyError without one."""
        everything = (*self.servers, *self.programs(), *self.dhcp_servers())
        return {each.name: each.host for each in everything}[program]

    def process(self, name: str) -> RegionProcess:
        """Give the region process of this name; KeyError without one."""
        return {process.name: process for process in self.processes}[name]

    def sockets(self) -> list[Path]:
        """Give the administration socket of every region process."""
        return [process.socket for process in self.processes]


def lay_out(directory: Path, wiring: Wiring, size: Size) -> Fleet:
    """Name everything of a lab of this size."""
    _refuse_bad_size(size)
    network = wiring.plan(
        region_hosts=size.region_hosts,
        racks=size.racks,
        vlans=size.vlans,
        clients=size.clients,
        bmcs=size.bmcs,
        replicas=size.replicas,
    )
    processes = tuple(
        _region_process(directory, wiring.region(host), instance)
        for host in range(1, size.region_hosts + 1)
        for instance in range(1, size.processes + 1)
    )
    first_of_host = [process.endpoint for process in processes if process.instance == 1]
    racks = tuple(
        _rack_daemon(directory, wiring.rack(rack), first_of_host[(rack - 1) % len(first_of_host)])
        for rack in range(1, size.racks + 1)
    )
    _refuse_long_paths(processes)
    bmcs = _bmcs(directory, wiring, size)
    return Fleet(
        directory=directory,
        size=size,
        servers=lay_out_servers(directory, wiring, size.replicas),
        processes=processes,
        racks=racks,
        network=network,
        clients=_clients(directory, wiring, size),
        bmcs=bmcs,
        power_traffic=_power_traffic(directory, processes, bmcs),
    )


def region_config(process: RegionProcess, database: str) -> str:
    """Give the text of regiond.conf; all processes of a host share one."""
    return _yaml(
        {
            "database": database,
            "region_name": process.region,
            "key_file": str(process.keys),
            "state_dir": str(process.state),
            "run_dir": str(process.folder / "run"),
            "rpc": {
                "listen": process.host.address,
                "port": RPC_PORT,
                "advertise": [process.host.address],
            },
            "http": {"listen": process.host.http},
            "balance": {
                "dhcp": {
                    "hold_down": DHCP_HOLD_DOWN_SECONDS,
                    "auto_partner_down": AUTO_PARTNER_DOWN_SECONDS,
                }
            },
        }
    )


def rack_config(daemon: RackDaemon) -> str:
    """Give the text of rackd.conf."""
    return _yaml(
        {
            "regions": list(daemon.regions),
            "rack_name": daemon.rack,
            "secret_file": str(daemon.enrolment),
            "state_dir": str(daemon.state),
            # the drill counts every address of a pool: none may be offered to a probe meanwhile
            "dhcp": {"runner": "child", "foreign_probe_seconds": 0.0},
        }
    )


def _region_process(directory: Path, host: Host, instance: int) -> RegionProcess:
    return RegionProcess(
        region=host.name, instance=instance, host=host, folder=directory / host.name
    )


def _rack_daemon(directory: Path, host: Host, endpoint: str) -> RackDaemon:
    return RackDaemon(rack=host.name, host=host, folder=directory / host.name, regions=(endpoint,))


def _clients(directory: Path, wiring: Wiring, size: Size) -> tuple[TrafficProgram, ...]:
    if not isinstance(wiring, InNamespaces):
        return ()
    hosts = [wiring.client(number) for number in range(1, size.clients + 1)]
    return tuple(
        TrafficProgram(
            number=number,
            host=host,
            network=client_vlan(number, size.vlans),
            folder=directory / host.name,
        )
        for number, host in enumerate(hosts, start=1)
    )


def _bmcs(directory: Path, wiring: Wiring, size: Size) -> tuple[BmcSimulator, ...]:
    if not isinstance(wiring, InNamespaces) or not size.racks:
        return ()
    host = wiring.bmcs()
    return tuple(
        BmcSimulator(
            number=number,
            host=host,
            address=bmc_address(number),
            folder=directory / host.name / f"bmc{number}",
        )
        for number in range(1, size.bmcs + 1)
    )


def _power_traffic(
    directory: Path, processes: Sequence[RegionProcess], bmcs: Sequence[BmcSimulator]
) -> PowerTraffic | None:
    if not bmcs:
        return None
    return PowerTraffic(
        host=this_machine("power"),
        folder=directory / "power",
        sockets=tuple(process.socket for process in processes),
        machines=tuple(bmc.machine for bmc in bmcs),
    )


def _refuse_bad_size(size: Size) -> None:
    if not 1 <= size.region_hosts <= _MOST_HOSTS:
        raise LabRefused(f"a lab has 1 to {_MOST_HOSTS} region hosts, not {size.region_hosts}")
    if not 1 <= size.processes <= _MOST_HOSTS:
        raise LabRefused(f"a region host has 1 to {_MOST_HOSTS} processes, not {size.processes}")
    if not 0 <= size.replicas <= MOST_REPLICAS:
        raise LabRefused(f"a lab has 0 to {MOST_REPLICAS} replicas, not {size.replicas}")
    others = {"racks": size.racks, "VLANs": size.vlans, "clients": size.clients, "BMCs": size.bmcs}
    for what, number in others.items():
        if number < 0:
            raise LabRefused(f"a lab cannot have {number} {what}")


def _refuse_long_paths(processes: Sequence[RegionProcess]) -> None:
    longest = max((process.socket for process in processes), key=lambda path: len(bytes(path)))
    over = len(bytes(longest)) - _LONGEST_SOCKET_PATH
    if over > 0:
        raise LabRefused(
            f"the lab's folder is {over} bytes too long for the Unix socket {longest}; "
            "give a shorter --dir"
        )


def _yaml(settings: dict[str, object]) -> str:
    return yaml.safe_dump(settings, sort_keys=False)
