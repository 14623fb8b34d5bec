"""Two racks and a client on one link with IPv6, for real dhcpds and a real dhclient."""

import os
import shutil
from ipaddress import IPv4Interface, IPv6Address
from pathlib import Path

from attrs import define, evolve, frozen
from twisted.internet import reactor
from twisted.internet.task import Clock

from evenrack.lab.network.keeper import Keeper
from evenrack.lab.traffic.real_client6 import Machine6, address_in
from evenrack.model.held_halves import HeldHalves
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.own_addresses6 import OWN_ADDRESSES, usable_in
from evenrack.rack.dhcp.server6 import Host6, IscDhcp6Server
from evenrack.runtime.child_process import stop_program
from evenrack.runtime.spawned import run_spawned
from evenrack.runtime.thinking import think_beside
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.trusted import now

DHCLIENT = shutil.which("dhclient", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CABLE = "eth1"
HOSTS = ("rack1", "rack2", "client")
SECONDS_FOR_A_LEASE = 20
"""Where there is one to be had; it takes two, and machines stand still."""
SETTINGS = """\
option dhcp6.ntp-servers code 56 = string;
also request dhcp6.ntp-servers;
also request dhcp6.sntp-servers;
"""


def connect(keeper):
    """Plug all hosts into one switch, which is a host of its own."""
    for name in (*HOSTS, "switch"):
        keeper.run(["ip", "netns", "add", name])
        keeper.run(["ip", "-n", name, "link", "set", "lo", "up"])
    keeper.run(["ip", "-n", "switch", "link", "add", "br0", "type", "bridge"])
    keeper.run(["ip", "-n", "switch", "link", "set", "br0", "up"])
    for number, name in enumerate(HOSTS, start=1):
        plug = f"link add {CABLE} netns {name} type veth peer name p{number} netns switch"
        keeper.run(["ip", *plug.split()])
        for command in (
            f"-n switch link set p{number} master br0 up",
            f"-n {name} addr add 10.1.0.{number}/24 dev {CABLE}",
            f"-n {name} link set {CABLE} up",
        ):
            keeper.run(["ip", *command.split()])
        if name != "client":
            add = f"-n {name} addr add fd00:1::{number}/64 dev {CABLE} nodad"
            keeper.run(["ip", *add.split()])


def side_of(server, service):
    """Give how a DHCPv6 server serves one VLAN."""
    return server.sides((service,))[service.vlan.id]


class Kept:
    """What a rack keeps of halves."""

    def __init__(self):
        self.halves = HeldHalves()

    def held_halves(self):
        return self.halves

    def keep_held_halves(self, halves):
        self.halves = halves


@define(kw_only=True)
class Rack6:
    """One of the two racks: its server is made anew for each daemon."""

    keeper: Keeper
    number: int
    folder: Path
    clock: Clock
    kept: Kept

    def server(self, *, address=None):
        here = IPv4Interface(f"{address or f'10.1.0.{self.number}'}/24")

        shown = ["ip", "netns", "exec", f"rack{self.number}", "cat", str(OWN_ADDRESSES)]

        async def interfaces():
            return (Interface(name=CABLE, address=here),)

        program = DhcpdProgram(
            self.folder,
            DHCPD,
            reactor,
            family="-6",
            entrance=self.keeper.entrance_of(f"rack{self.number}"),
        )
        host = Host6(
            interfaces=interfaces,
            clock=self.clock,
            wall_clock=now,
            think=think_beside(reactor),
            own_addresses=lambda: usable_in(self.keeper.run(shown)),
        )
        return IscDhcp6Server(program, self.kept, host)

    def own(self, plan):
        """Give a plan as it is for this rack."""
        return tuple(
            evolve(it, address=next(it.vlan.subnets[0].cidr.hosts()) + self.number - 1)
            for it in plan
        )

    def pid(self):
        running = DhcpdFiles(self.folder).running()
        return None if running is None else running.pid

    def kill(self):
        for program in DhcpdFiles(self.folder).all_running():
            stop_program(program, seconds=0)


@frozen(kw_only=True)
class Told:
    """What a client was told: its address, and the variables of its script."""

    address: IPv6Address | None
    variables: dict


@frozen(kw_only=True)
class Client6:
    """dhclient as any number of machines, one after the other, each with a DUID of its own."""

    keeper: Keeper
    folder: Path
    host: str = "client"
    interface: str = CABLE

    async def ask(self, duid, seconds=SECONDS_FOR_A_LEASE):
        """Let a machine ask for an address."""
        machine = self._machine(duid)
        machine.folder.mkdir(exist_ok=True)
        machine.begin(duid, SETTINGS)
        await self._run(machine.command(DHCLIENT, self.interface), seconds)
        told = machine.told()
        return Told(address=address_in(told), variables=told)

    async def release(self, duid):
        """Let a machine that asked give its address back."""
        program, family, _once, *others = self._machine(duid).command(DHCLIENT, self.interface)
        await self._run([program, family, "-r", *others], SECONDS_FOR_A_LEASE)

    def _machine(self, duid):
        return Machine6(folder=self.folder / duid.replace(":", ""))

    async def _run(self, words, seconds):
        command = [*self.keeper.entrance_of(self.host), "timeout", str(seconds), *words]
        environment = {"PATH": os.environ["PATH"]}
        await run_spawned(reactor, command, seconds=seconds + 5, environment=environment)
