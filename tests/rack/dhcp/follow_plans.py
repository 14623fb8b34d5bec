"""Let the dhcpd of a network of its own follow plans, and print what cards are told meanwhile.

A program for a network namespace of its own: `unshare --net python follow_plans.py DHCPD FOLDER
ADDRESS/PREFIX PLANS STEPS`. PLANS is a list of plans as JSON, of which STEPS, `[[KIND, WHAT..]..]`,
name some by their place:

    ["restart", PLAN]   in a turn
    ["tell", PLAN]      from the plan before, without a restart
    ["half", PLAN]      the same, but rackd ends before the file is in step
    ["die"]             killed, and started again by somebody who knows nothing of plans
    ["ask", MAC..]      gives `[ADDRESS, HOSTNAME in hexadecimal]` of each, which has to get one

It prints the answers to all steps; that to others than `ask` is dhcpd's pid, or the error.
"""

import json
import sys
import time
from pathlib import Path

from twisted.internet.task import react

from evenrack.errors import EvenrackError
from evenrack.model.dhcp_plan import dhcp_plan_from_json
from evenrack.rack.dhcp.dhcpd_files import DhcpdFiles
from evenrack.rack.dhcp.dhcpd_program import DhcpdProgram
from evenrack.rack.dhcp.host_changes import host_changes
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.runtime.child_process import run_program, start_detached, stop_program
from evenrack.runtime.spawned import ENVIRONMENT
from evenrack.runtime.thinking import think_beside
from tests.rack.dhcp.ask_dhcpd import CLIENT, GIVE_UP_SECONDS, SERVER, ask
from tests.rack.dhcp.ask_omapi import PATIENCE_SECONDS
from tests.rack.dhcp.golden_plans import OMAPI

HOSTNAME = 12


class Follower:
    def __init__(self, reactor, dhcpd, folder, plans):
        self.reactor, self.dhcpd, self.plans = reactor, dhcpd, plans
        self.files = DhcpdFiles(Path(folder))
        self.program = DhcpdProgram(Path(folder), dhcpd, reactor)
        self.omapi = Omapi(OMAPI, reactor, seconds=PATIENCE_SECONDS)
        self.server = IscDhcpServer(self.program, self.omapi, OMAPI, think_beside(reactor))
        self.served = ()

    async def restart(self, number):
        self.served = self.plans[number]
        await self.server.restart(self.served, [SERVER])

    async def tell(self, number):
        plan = self.plans[number]
        assert await self.server.followable(self.served, plan) == plan, "it takes a restart"
        await self.server.tell_hosts(self.served, plan)
        await self.server.keep_hosts(plan)
        assert self.server.serves(plan)
        self.served = plan

    async def half(self, number):
        plan = self.plans[number]
        await self.omapi.change_hosts(host_changes(self.served, plan))
        self.served = plan

    async def die(self):
        [program] = self.files.all_running()
        stop_program(program, seconds=0)
        files = ["-cf", str(self.files.configuration), "-lf", str(self.files.leases)]
        command = [self.dhcpd, "-4", "-f", "--no-pid", *files, SERVER]
        start_detached(command, log=self.files.log, environment=ENVIRONMENT)

    async def ask(self, *macs):
        return [self._told(mac) for mac in macs]

    def _told(self, mac):
        offer = ask(mac, time.monotonic() + GIVE_UP_SECONDS)
        return offer["address"], offer["options"].get(HOSTNAME, "")

    async def answer(self, kind, *what):
        try:
            told = await getattr(self, kind)(*what)
        except EvenrackError as problem:
            return type(problem).__name__
        [program] = self.files.all_running()
        return program.pid if told is None else told


def make_network(address):
    for command in (
        "link set lo up",
        f"link add {SERVER} type veth peer name {CLIENT}",
        f"addr add {address} dev {SERVER}",
        f"link set {SERVER} up",
        f"link set {CLIENT} up",
    ):
        run_program(["ip", *command.split()], seconds=10)


async def main(reactor, dhcpd, folder, address, plans, steps):
    make_network(address)
    plans = [dhcp_plan_from_json(each) for each in json.loads(plans)]
    follower = Follower(reactor, dhcpd, folder, plans)
    try:
        answers = [await follower.answer(*step) for step in json.loads(steps)]
    finally:
        for program in follower.files.all_running():
            stop_program(program, seconds=0)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    react(main, sys.argv[1:])
