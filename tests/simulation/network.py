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

    def interfaces_of(self, name):
        """Give what a rack daemon asks its host for its addresses with."""
        name = name.removesuffix("-copy")
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
        return plan == self.plan

    async def check(self, plan):
        pass

    async def restart(self, plan, interfaces):
        self.plan = plan
        self._network.world.note("dhcpd", self.host, [(s.vlan.name, s.role) for s in plan])
        await deferLater(self.clock, RESTART_SECONDS, lambda: None)

    async def stop(self):
        self.plan = ()

    async def states(self, plan):
        return {s.vlan.id: self._state_of(s) for s in plan if s.peer is not None}

    async def put_back(self, service, state):
        pass

    def _state_of(self, service):
        world, peer = self._network.world, self._network.server_of(service.peer.rack)
        sees = world.reaches(self.host, peer.host) and world.reaches(peer.host, self.host)
        knows = any(s.vlan.id == service.vlan.id and s.peer is not None for s in peer.plan)
        return "normal" if sees and knows else "communications-interrupted"
