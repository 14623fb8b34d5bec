"""A VLAN of two racks with real dhcpd and one client host, in network namespaces of their own."""

import os
import shutil
import sys
import time
from pathlib import Path

from attrs import evolve

from evenrack.lab.clocks import Clocks
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.network.cables import Cables, build_network
from evenrack.lab.network.keeper import start_keeper
from evenrack.lab.network.plan import plan_network
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.program import TrafficProgram
from evenrack.runtime.child_process import start_detached, stop_program

DHCPD = shutil.which("dhcpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PROGRAMS = Path(sys.executable).parent
PLAN = plan_network(region_hosts=0, racks=2, vlans=1, clients=1)
LEASE_SECONDS = 600
PATIENCE_SECONDS = 60
CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: None)
DHCPD_CONF = """\
authoritative;
ping-check false;
default-lease-time 600;
max-lease-time 600;
subnet 10.101.0.0 netmask 255.255.255.0 { range 10.101.0.100 10.101.0.150; }
"""


class VlanInNamespaces:
    """The network, and what runs in it; `end` ends all of it."""

    def __init__(self, folder):
        self._folder = folder
        self.keeper = start_keeper(folder)
        self._running = []
        build_network(PLAN, self.keeper)
        self.cables = Cables(PLAN, self.keeper)
        self.client = TrafficProgram(
            number=1,
            host=InNamespaces(keeper=self.keeper).client(1),
            network="vlan1",
            folder=folder,
        )

    def start_dhcpd(self, rack="rack1"):
        """Start a server that serves alone; it goes on with the leases it knows."""
        conf, leases = self._folder / "dhcpd.conf", self._folder / f"{rack}.leases"
        conf.write_text(DHCPD_CONF)
        leases.touch()
        files = ["-cf", str(conf), "-lf", str(leases), "-pf", str(self._folder / f"{rack}.pid")]
        command = [DHCPD, "-4", "-f", "-d", *files, "vlan1"]
        return self._start([*self.keeper.entrance_of(rack), *command], f"{rack}.log")

    def start_prober(self, interface="vlan1"):
        """Start the client host's program as the lab does."""
        arguments = evolve(self.client, network=interface).arguments(PROGRAMS)
        return self._start([*self.client.host.entrance, *arguments], self.client.log.name)

    def start_crowd(self, pace):
        """Let new clients come on the client host, as a check of the drill does."""
        arguments = self.client.crowd.arguments(PROGRAMS, pace)
        return self._start([*self.client.host.entrance, *arguments], self.client.crowd.log.name)

    def felt(self):
        """Give the lines that the prober wrote."""
        return list(read_felt(self.client.felt))

    def wait_for_line(self, wanted, after=0.0):
        """Wait until a line was written, after a moment, that is as wanted; give it."""
        found = []

        def written():
            found.extend(line for line in self.felt() if line["mono"] > after and wanted(line))
            return bool(found)

        assert CLOCKS.wait_until(written, seconds=PATIENCE_SECONDS), (
            self.felt()[-5:],
            self.client.log.read_text(),
        )
        return found[0]

    def end(self):
        """End every program, and the network with its keeper."""
        for program in [*self._running, self.keeper.program]:
            stop_program(program, seconds=5)

    def _start(self, command, log):
        program = start_detached(command, log=self._folder / log)
        self._running.append(program)
        return program


def seconds_of_processor(program):
    """Give how long a program has computed: fields 14 and 15 of proc(5)'s stat, in ticks."""
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
