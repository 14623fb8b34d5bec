"""The VLANs of a world, the addresses that its racks have there, and DHCP servers to look at.

A simulated server serves nobody: it does what it is told after a while, outlives its rack's
daemon as a unit of its own does, and finds its peer when the network lets it.
"""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from twisted.internet.task import deferLater

from evenrack.model.dhcp_probe import ProbeAnswer
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
        self.hosts_off = set()
        """Hosts that answer nobody any more."""

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

    def servers_in(self, role, *, and_answer=False):
        """Give the hosts that serve each VLAN in this role; a rack's copy is another's."""
        found = {}
        for server in self._servers.values():
            for service in server.plan:
                if and_answer and service.vlan.id in server.silent:
                    continue
                if service.role == role and not server.host.endswith(COPY):
                    found.setdefault(service.vlan.name, []).append(server.host)
        return found

    def lose(self, host, loss):
        """Let what a host loses beside its rack daemon be gone for good."""
        if loss != "daemon":
            self._servers[host].plan = ()
        if loss == "host":
            self.hosts_off.add(host)

    def find_hosts_on(self, name):
        """Give what a rack daemon finds out about other hosts with."""

        async def find_hosts(addresses):
            return tuple(map(found_of, addresses))

        def found_of(address):
            other = f"rack{address.packed[-1]}"
            sees = self.world.reaches(name, other) and self.world.reaches(other, name)
            alive = "connected" if self._servers[other].plan else "refused"
            found = alive if sees and other not in self.hosts_off else "silent"
            return ProbeAnswer(address=address, found=found)

        return find_hosts

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
        self.silent = {}
        """VLANs that it gives away, and where it answers nobody: `paused`, or `recover`."""
        self.told_all = set()
        """VLANs of which it says that its paused partner knows every lease."""
        self.clock = None
        """Of the daemon that gives the orders now."""

    def running(self):
        return bool(self.plan)

    def serves(self, plan):
        return bool(plan) and _text(plan) == _text(self.plan)

    def was_started_with(self, plan):
        return self.serves(plan)

    async def prepare(self, plan):
        pass

    async def check(self, plan):
        pass

    async def follow(self, plan):
        pass

    async def restart(self, plan, interfaces):
        before = {s.vlan.id: s.role for s in self.plan}
        exchanged = [s for s in plan if {before.get(s.vlan.id), s.role} == BOTH_ROLES]
        self.plan = plan
        self.told_all.clear()
        if exchanged:
            names = [(s.vlan.name, s.role) for s in exchanged]
            self._network.world.note("exchanges", self.host, names)
        self._network.world.note("dhcpd", self.host, [(s.vlan.name, s.role) for s in plan])
        await deferLater(self.clock, RESTART_SECONDS, lambda: None)

    async def followable(self, served, plan):
        return served

    async def stop(self):
        self.plan = ()

    async def states(self, plan):
        return {s.vlan.id: self._state_of(s) for s in plan if s.peer is not None}

    async def put_back(self, service, state):
        vlan = service.vlan.id
        self.silent.pop(vlan, None)
        if state in {"paused", "recover"}:
            self.silent[vlan] = state
        (self.told_all.add if state == "normal" else self.told_all.discard)(vlan)

    async def unshared_leases(self, services, *, older=0.0):
        return {}

    async def partner_state(self, service):
        peer = self._network.server_of(service.peer.rack)
        theirs = [s for s in peer.plan if s.vlan.id == service.vlan.id and s.peer is not None]
        return peer._state_of(theirs[0]) if theirs else "unknown"

    async def hears_partner(self, service):
        peer, world = self._network.server_of(service.peer.rack), self._network.world
        sees = world.reaches(self.host, peer.host) and world.reaches(peer.host, self.host)
        return bool(peer.plan) and sees

    async def mclt_seconds(self, service):
        return service.vlan.settings.mclt

    def _state_of(self, service):
        world, peer = self._network.world, self._network.server_of(service.peer.rack)
        own = self.silent.get(service.vlan.id)
        alone = "startup" if own == "paused" else own or "communications-interrupted"
        if not peer.plan:
            return alone
        sees = world.reaches(self.host, peer.host) and world.reaches(peer.host, self.host)
        knows = any(
            s.vlan.id == service.vlan.id
            and s.peer is not None
            and {s.role, service.role} == BOTH_ROLES
            for s in peer.plan
        )
        if not (sees and knows):
            return alone
        if own == "paused":
            return own
        self.silent.pop(service.vlan.id, None)  # it has got what it lacked
        is_alone = service.vlan.id in peer.silent and service.vlan.id not in self.told_all
        return "communications-interrupted" if is_alone else "normal"
