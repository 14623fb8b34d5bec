"""Region processes and racks that serve VLANs by servers in memory, and what these serve."""

import secrets
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.task import Clock

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.config.rack_config import RackConfig
from evenrack.config.region_config import DhcpBalance
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import new_rack_id
from evenrack.model.interface_list import Interface
from evenrack.rack.addresses_in_turn import AddressesInTurn
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.lease_reader import LeaseReader
from evenrack.rack.region_connections import Dialling
from evenrack.rack.service import RackService, Surroundings
from evenrack.region.database.balance_store import Wish, delete_drain, write_drain
from evenrack.region.database.inventory_store import change, create
from evenrack.region.troubles.vlan_troubles import of_vlan
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from tests.no_dhcp import no_bmc_answers, no_listener
from tests.rack.small_dhcp_server import SmallDhcpServer
from tests.region.processes import CALM_RACK, fleet_on, trust_of
from tests.trusted import enrol

PATIENCE = 60.0
RESTART_SECONDS = 0.05


def without_numbers(plan):
    """What of a plan is in the configuration file."""
    return tuple(evolve(service, number=BEFORE_ALL) for service in plan)


class DhcpFleet:
    """A fleet whose racks serve VLANs; their servers outlive their rack daemons."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.servers = {}
        self.heard_by = {}
        """By which each rack's listener tells what it hears."""
        self.hosts_off = set()
        """Racks whose hosts answer nobody."""

    def start_region(self, host, **dhcp):
        config = self.fleet.region_config(host)
        balance = evolve(config.balance, dhcp=DhcpBalance(**dhcp))
        self.fleet._hosts[host] = evolve(config, balance=balance)
        self.fleet.start_region(host)

    def start_rack(self, number, *vlans):
        """Start a rack that has an address on each of these VLANs."""
        name = f"rack{number}"
        fresh = SmallDhcpServer(
            clock=reactor,
            seconds=RESTART_SECONDS,
            is_met=self._has_complement,
            text_of=without_numbers,
        )
        server = self.servers.setdefault(name, fresh)
        ports = [region.port for region in self.fleet.regions.values()]
        config = RackConfig(
            regions=tuple(HostPort(host="127.0.0.1", port=port) for port in ports),
            rack_name=name,
            state_dir=self.fleet.folder / name,
            liveness=CALM_RACK,
        )

        async def interfaces():
            return tuple(
                Interface(name=f"eth{vlan}", address=IPv4Interface(f"10.{vlan}.0.{number}/24"))
                for vlan in vlans
            )

        state = enrol(config.state_dir, new_rack_id(secrets.token_bytes))

        async def listen(tell, ended):
            self.heard_by[name] = tell
            return await no_listener(tell, ended)

        around = _surroundings(config, state, interfaces, server, listen, self._find_hosts)
        rack = RackService(config, state.rack_id(), around)
        rack.startService()
        self.fleet.racks[name] = rack
        return server

    async def _find_hosts(self, addresses):
        return tuple(map(self._found_of, addresses))

    def _found_of(self, address):
        name = f"rack{address.packed[-1]}"
        found = "connected" if self.servers[name].running() else "refused"
        return ProbeAnswer(address=address, found="silent" if name in self.hosts_off else found)

    def _has_complement(self, service):
        """Whether the peer of this side runs the other side."""
        peer = self.servers.get(f"rack{service.peer.address.packed[-1]}")
        return any(
            it.vlan.id == service.vlan.id
            and it.peer is not None
            and it.peer.address == service.address
            and {it.role, service.role} == {"primary", "secondary"}
            for it in (peer and peer.runs) or ()
        )

    def inventory(self, work):
        with self.fleet._engine.begin() as connection:
            return work(connection)

    def create_vlan(self, number):
        """A VLAN with DHCP on, and one range."""

        def work(connection):
            create(connection, "vlan", {"name": f"vlan{number}", "dhcp_on": True})
            cidr = IPv4Network(f"10.{number}.0.0/24")
            create(connection, "subnet", {"cidr": cidr}, inside=f"vlan{number}")
            first = IPv4Address(f"10.{number}.0.100")
            create(connection, "range", {"first": first, "last": first + 99})

        self.inventory(work)

    def change_vlan(self, number, **fields):
        self.inventory(lambda c: change(c, "vlan", f"vlan{number}", fields))

    def drain(self, name):
        """Drain a rack."""
        hostnames = {rack.hostname: rack.id for rack in self.fleet.read().racks.values()}
        wish = Wish(message="", who="anna")
        self.inventory(lambda c: write_drain(c, "rack", hostnames[name], wish))

    def resume(self, name):
        """End the drain of a rack."""
        hostnames = {rack.hostname: rack.id for rack in self.fleet.read().racks.values()}
        self.inventory(lambda c: delete_drain(c, "rack", hostnames[name]))

    def roles(self, vlan):
        """Which rack serves a VLAN as what, as the servers really run."""
        return {
            service.role: name
            for name, server in self.servers.items()
            for service in server.runs or ()
            if service.vlan.name == f"vlan{vlan}"
        }

    def is_at_rest(self):
        """Every server runs its newest plan, its rack said so, and no VLAN has a problem."""
        read = self.fleet.read()
        hostnames = {rack.hostname: rack.id for rack in read.racks.values()}
        return all(not of_vlan(read, vlan) for vlan in read.vlans.values()) and all(
            without_numbers(server.runs or ())
            == without_numbers(dhcp_plan_for(read, hostnames[name]))
            and read.dhcp_report(hostnames[name]).applied
            == dhcp_fingerprint(dhcp_plan_for(read, hostnames[name]))
            for name, server in self.servers.items()
        )

    def is_served_by_pairs(self):
        runs = [it for server in self.servers.values() for it in server.runs or ()]
        running = [it for it in runs if not it.is_shared]
        if not running or not all(it.peer and self._has_complement(it) for it in running):
            return False  # and the fleet need not be read whole
        pairs = self.fleet.read().services.values()
        return bool(pairs) and all(len(it.racks) == 2 for it in pairs) and self.is_at_rest()

    def waiting(self):
        """The racks that wait for their turn, as the regions were told."""
        reports = self.fleet.read().dhcp_reports
        return [rack for rack, report in reports.items() if report.waiting or not report.running]

    def turns(self):
        """The turns that are granted."""
        return [turn for turn in self.fleet.read().turns.values() if turn]

    def starts(self):
        return {name: len(server.started) for name, server in self.servers.items()}


def _surroundings(config, state, interfaces, server, listener, find_hosts):
    trust = trust_of(state)
    lease_files = tuple(DhcpdFiles(it).leases for it in (state.dhcp_folder, state.dhcp6_folder))

    def endpoint_for(addresses):
        plain = [HostnameEndpoint(reactor, each.host, each.port) for each in addresses]
        return AddressesInTurn([wrapClientTLS(trust.tls, each) for each in plain])

    return Surroundings(
        clock=reactor,
        wall_clock=utc_now,
        token_bytes=secrets.token_bytes,
        dialling=Dialling(configured=config.regions, endpoint_for=endpoint_for, jitter=lambda: 0.5),
        state=state,
        interfaces=interfaces,
        dhcp_server=server,
        think=think_beside(reactor),
        leases=LeaseReader(*lease_files, think_beside(reactor), Clock()).page,
        lease_files=lease_files,
        listener=listener,
        find_hosts=find_hosts,
        driver=None,
        ask_bmc=no_bmc_answers,
        trust=trust,
    )


@asynccontextmanager
async def dhcp_fleet_on(dsn, *hosts, hold_down=30.0, auto_partner_down=None):
    async with fleet_on(dsn) as fleet:
        dhcp = DhcpFleet(fleet)
        for host in hosts:
            dhcp.start_region(host, hold_down=hold_down, auto_partner_down=auto_partner_down)
        yield dhcp


def overlap(one, other):
    """Tell whether two restarts (began, ended) were at the same time."""
    return one[0] < other[1] and other[0] < one[1]
