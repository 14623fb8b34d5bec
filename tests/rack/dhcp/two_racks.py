"""Two racks in network namespaces, joined by a cable: hosts for real dhcpds that are a pair."""

import json
import os
import sys
from pathlib import Path

from attrs import frozen
from twisted.internet import reactor

from evenrack.lab.network.keeper import Keeper
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.runtime.child_process import stop_program
from evenrack.runtime.spawned import run_spawned
from tests.rack.dhcp import ask_omapi
from tests.rack.dhcp.dhcpd_program import DHCPD

KEY = "AAECAwQFBgcICQoLDA0ODw=="
OTHER_KEY = "Dw4NDAsKCQgHBgUEAwIBAA=="
PORT = 7911
RELATION = "failover-vlan-1"
CABLE = "eth1"
PEER_LINES = {
    "primary": "primary; mclt 60; split 128; load balance max seconds 3;",
    "secondary": "secondary; load balance max seconds 3;",
}


@frozen(kw_only=True)
class RackHost:
    """One of the two."""

    keeper: Keeper
    name: str
    number: int
    folder: Path

    @property
    def entrance(self):
        return self.keeper.entrance_of(self.name)

    def program(self, binary=DHCPD, **more):
        return DhcpdProgram(
            self.folder, binary, reactor, entrance=more.pop("entrance", self.entrance), **more
        )

    @property
    def files(self):
        return DhcpdFiles(self.folder)

    def pid(self):
        program = self.files.running()
        return None if program is None else program.pid

    def text(self, role, *, algorithm="hmac-sha256", key=KEY, port=PORT, more=""):
        """One network, whose addresses it serves alone or together with the other rack."""
        peer, pool = "", ""
        if role != "alone":
            peer = (
                f'failover peer "{RELATION}" {{ {PEER_LINES[role]} max-response-delay 30;'
                f" max-unacked-updates 10; address 10.7.0.{self.number}; port 647;"
                f" peer address 10.7.0.{3 - self.number}; peer port 647; }}\n"
            )
            pool = f'failover peer "{RELATION}"; '
        return (
            f"omapi-port {port};\nkey evenrack {{ algorithm {algorithm};\nsecret {key};\n}}\n"
            f"omapi-key evenrack;\n{peer}"
            "subnet 10.7.0.0 netmask 255.255.255.0 {\n"
            f"  pool {{ {pool}range 10.7.0.100 10.7.0.109; }}\n}}\n{more}"
        )

    async def ask(self, *requests, **access):
        """Let a program that is on this host ask its dhcpd, by our class; give what it printed."""
        form = {
            "port": PORT,
            "key": KEY,
            "seconds": ask_omapi.PATIENCE_SECONDS,
            "requests": requests,
        }
        form |= access
        command = [*self.entrance, sys.executable, ask_omapi.__file__, json.dumps(form)]
        ended = await run_spawned(reactor, command, seconds=180, environment=dict(os.environ))
        assert ended.code == 0, ended.errors.decode()
        return json.loads(ended.output)

    async def state(self):
        told = await self.ask(["states", [RELATION]])
        return told["answers"][0].get(RELATION, told["answers"][0])

    async def until_state(self, wanted):
        """Wait for as long as the test may take."""
        await self.ask(["until", "states", RELATION, wanted])

    async def partner(self):
        told = await self.ask(["partners", [RELATION]])
        return told["answers"][0].get(RELATION, told["answers"][0])

    async def until_partner(self, wanted):
        """Wait until the other side is known to be in this state."""
        await self.ask(["until", "partners", RELATION, wanted])

    def end(self):
        for program in self.files.all_running():
            stop_program(program, seconds=0)
