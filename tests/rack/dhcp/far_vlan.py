"""A VLAN behind a real relay: two racks on one side of a router, a client host on the other."""

import shutil
import sys
from ipaddress import IPv4Address
from pathlib import Path

from attrs import evolve, field, frozen

from evenrack.lab.network.keeper import start_keeper
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.program import CrowdProgram
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from evenrack.runtime.child_process import start_detached, stop_program
from tests.rack.dhcp.golden_plans import service, subnet
from tests.rack.dhcp.two_racks import CABLE, KEY, PORT, RackHost
from tests.strategies_dhcp import as_peer_has_it, relaying

DHCRELAY = shutil.which("dhcrelay", path="/usr/sbin:/sbin:/usr/bin")
HERE, FAR = subnet(1), subnet(2)
RACKS = ("rack1", "rack2")
FAR_CABLE, SWITCH = "far", "here"
ROUTER = """\
link add here type bridge
link add rack1 type veth peer name eth1 netns rack1
link add rack2 type veth peer name eth1 netns rack2
link add far type veth peer name far netns client
link set rack1 master here
link set rack2 master here
addr add 10.1.0.1/24 dev here
addr add 10.2.0.1/24 dev far
link set lo up
link set here up
link set rack1 up
link set rack2 up
link set far up
"""
RACK = """\
link set lo up
addr add {address}/24 brd + dev eth1
link set eth1 up
route add 10.2.0.0/24 via 10.1.0.1
"""
SECONDS = 5
"""Of silence until a peer counts as gone."""


def addresses_of(net):
    """All that are given to whoever asks."""
    spans = [range(int(span.first), int(span.last) + 1) for span in net.ranges]
    return {str(IPv4Address(number)) for span in spans for number in span}


@frozen(kw_only=True)
class FarVlan:
    """The network, and what runs in it; `end` ends all of it."""

    folder: Path
    keeper: object
    racks: tuple[RackHost, ...]
    _running: list = field(factory=list)

    @classmethod
    def build(cls, folder):
        """Make namespaces and cables."""
        keeper = start_keeper(folder)
        for name in (*RACKS, "router", "client"):
            keeper.run(["ip", "netns", "add", name])
        keeper.run(["ip", "-n", "router", "-batch", "-"], input_text=ROUTER)
        for name, address in zip(RACKS, (HERE.cidr[2], HERE.cidr[3]), strict=True):
            text = RACK.format(address=address)
            keeper.run(["ip", "-n", name, "-batch", "-"], input_text=text)
        keeper.run(["ip", "-n", "client", "link", "set", "far", "up"])
        forward = ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]
        keeper.run(["ip", "netns", "exec", "router", *forward])
        racks = tuple(
            RackHost(keeper=keeper, name=name, number=number, folder=folder / name)
            for number, name in enumerate(RACKS, start=1)
        )
        return cls(folder=folder, keeper=keeper, racks=racks)

    async def serve(self, rack):
        """Let a rack serve its side of the pair."""
        own = relaying(service(HERE, max_response_delay=SECONDS, mclt=60), service(FAR).vlan)
        side = own if rack.number == 1 else as_peer_has_it(own)
        await rack.program().restart(dhcpd_conf((side,), OmapiAccess(port=PORT, key=KEY)), [CABLE])

    async def serve_far_alone(self, rack):
        """Let a rack serve FAR as if it were a VLAN of its own, and nothing else."""
        side = service(HERE, role="alone")
        if rack.number != 1:
            side = evolve(side, address=HERE.cidr[3])
        lonely = evolve(side.vlan, id=FAR.id, subnets=(evolve(HERE, ranges=()), FAR))
        plan = (evolve(side, vlan=lonely),)
        await rack.program().restart(dhcpd_conf(plan, OmapiAccess(port=PORT, key=KEY)), [CABLE])

    async def serve_as_a_pair(self):
        """Let both serve, and wait until they are normal."""
        for rack in self.racks:
            await self.serve(rack)
        for rack in self.racks:
            await rack.until_state("normal")

    def start_relay(self):
        """Relay what the client host asks to both racks."""
        ways = ["-id", FAR_CABLE, "-iu", SWITCH]
        racks = [str(HERE.cidr[2]), str(HERE.cidr[3])]
        command = [DHCRELAY, "-4", "-d", "--no-pid", *ways, *racks]
        return self._start([*self.keeper.entrance_of("router"), *command], "relay.log")

    def start_crowd(self, pace):
        """Let new clients come on the client host."""
        command = self.crowd.arguments(Path(sys.executable).parent, pace)
        return self._start([*self.keeper.entrance_of("client"), *command], "crowd.log")

    @property
    def crowd(self):
        return CrowdProgram(number=1, network=FAR_CABLE, folder=self.folder)

    def ledger(self):
        """Give the lines about what servers promised."""
        return list(read_felt(self.crowd.ledger))

    def end(self):
        """End every program, and the network with its keeper."""
        for program in self._running:
            stop_program(program, seconds=0)
        for rack in self.racks:
            rack.end()
        stop_program(self.keeper.program, seconds=0)

    def _start(self, command, log):
        program = start_detached(command, log=self.folder / log)
        self._running.append(program)
        return program
