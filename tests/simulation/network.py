"""The VLANs of a world, the addresses that its racks have there, and DHCP servers to look at.

A simulated server serves nobody: it does what it is told after a while, outlives its rack's
daemon as a unit of its own does, and finds its peer when the network lets it.
"""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from twisted.internet.task import deferLater

from evenrack.model.interface_list import Interface
from evenrack.region.database.inventory_store import create

RACKS_OF_VLAN = {"vlan1": ("rack1", "rack2", "rack3"), "vlan2": ("rack2", "rack3", "rack4")}
RESTART_SECONDS = 0.3
COPY = "-copy"
BOTH_ROLES = {"primary", "secondary"}


class Network:
    """Which rack is on which VLAN."""

    def __init__(self, world, racks):
        self.world = world
        self.vlans = list(RACKS_OF_VLAN)
        self._servers = {name: SimulatedDhcpServer(self, name) for name in racks}
        self._hosts = {}

    def create_inventory(self, connection):
        """Make the VLANs, with DHCP on."""
        for number, name in enumerate(self.vlans, 1):
            create(connection, "vlan", {"name": name, "dhcp_on": True})
            cidr = IPv4Network(f"10.{number}.0.0/24")
            create(connection, "subnet", {"cidr": cidr}, inside=name)
            ends = {"first": cidr[100], "last": cidr[199]}
            create(connection, "range", ends)

    def server_on(self, host, rack):
        """Give the DHCP server of a host; one with a copy of a rack has a server of its own."""
        self._hosts.setdefault(rack, host)
        return self._servers.setdefault(host, SimulatedDhcpServer(self, host))

    def server_of(self, rack):
        return self._servers[self._hosts[rack]]

    def servers_in(self, role):
        """Give the hosts that serve each VLAN in this role; a rack's copy is another's."""
        found = {}
        for server in self._servers.values():
            for service in server.plan:
                if service.role == role and not server.host.endswith(COPY):
                    found.setdefault(service.vlan.name, []).append(server.host)
        return found

    def interfaces_of(self, name):
        """Give what a rack daemon asks its host for its addresses with."""
        name = name.removesuffix(COPY)
        number = int(name[-1])
        addresses = tuple(
            Interface(
                name=f"eth{vlan}", address=IPv4Interface((IPv4Address(f"10.{vlan}.0.{number}"), 24))
            )
            for vlan, racks in enumerate(RACKS_OF_VLAN.values(), 1)
            if name in racks
        )

        async def interfaces():
            return addresses

        return interfaces


def _text(plan):
    return [(s.vlan, s.role, s.address, s.peer) for s in plan]


class SimulatedDhcpServer:
    """`DhcpServer` of one host."""

    def __init__(self, network, host):
        self._network = network
        self.host = host
        self.plan = ()
        self.clock = None
        """Of the daemon that gives the orders now."""

    def running(self):
        return bool(self.plan)

    def serves(self, plan):
        return bool(plan) and _text(plan) == _text(self.plan)

    async def check(self, plan):
        pass

    async def restart(self, plan, interfaces):
        before = {s.vlan.id: s.role for s in self.plan}
        exchanged = [s for s in plan if {before.get(s.vlan.id), s.role} == BOTH_ROLES]
        self.plan = plan
        if exchanged:
            names = [(s.vlan.name, s.role) for s in exchanged]
            self._network.world.note("exchanges", self.host, names)
        self._network.world.note("dhcpd", self.host, [(s.vlan.name, s.role) for s in plan])
        await deferLater(self.clock, RESTART_SECONDS, lambda: None)

    async def stop(self):
        self.plan = ()

    async def states(self, plan):
        return {s.vlan.id: self._state_of(s) for s in plan if s.peer is not None}

    async def put_back(self, service, state):
        pass

    async def mclt_seconds(self, service):
        return service.vlan.settings.mclt

    def _state_of(self, service):
        world, peer = self._network.world, self._network.server_of(service.peer.rack)
        if not peer.plan:
            return "communications-interrupted"
        sees = world.reaches(self.host, peer.host) and world.reaches(peer.host, self.host)
        knows = any(
            s.vlan.id == service.vlan.id
            and s.peer is not None
            and {s.role, service.role} == BOTH_ROLES
            for s in peer.plan
        )
        return "normal" if sees and knows else "communications-interrupted"
