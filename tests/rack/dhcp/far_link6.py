"""An IPv6 link behind a real relay: two racks on one side of a router, a client on the other."""

import shutil
from pathlib import Path

from attrs import field, frozen
from twisted.internet.task import Clock

from evenrack.lab.network.keeper import Keeper, start_keeper
from evenrack.runtime.child_process import start_detached, stop_program
from tests.rack.dhcp.one_link import Client6, Kept, Rack6

DHCRELAY = shutil.which("dhcrelay", path="/usr/sbin:/sbin:/usr/bin")
RACKS = ("rack1", "rack2")
ROUTER, CLIENT, HERE, FAR = "router", "client", "here", "far"
NETWORK = """\
link add here type bridge
link add rack1 type veth peer name eth1 netns rack1
link add rack2 type veth peer name eth1 netns rack2
link add far type veth peer name far netns client
link set rack1 master here
link set rack2 master here
link set lo up
link set here up
link set rack1 up
link set rack2 up
link set far up
addr add fd00:1::ff/64 dev here nodad
addr add fd00:9::ff/64 dev far nodad
"""
RACK = """\
link set lo up
link set eth1 up
addr add fd00:1::{number}/64 dev eth1 nodad
"""


@frozen(kw_only=True)
class FarLink6:
    """The network, and what runs in it; `end` ends all of it."""

    folder: Path
    keeper: Keeper
    racks: tuple[Rack6, ...]
    client: Client6
    _relays: list = field(factory=list)

    @classmethod
    def build(cls, folder):
        """Make namespaces and cables."""
        keeper = start_keeper(folder)
        for name in (*RACKS, ROUTER, CLIENT):
            keeper.run(["ip", "netns", "add", name])
        keeper.run(["ip", "-n", ROUTER, "-batch", "-"], input_text=NETWORK)
        for number, name in enumerate(RACKS, start=1):
            text = RACK.format(number=number)
            keeper.run(["ip", "-n", name, "-batch", "-"], input_text=text)
        keeper.run(["ip", "-n", CLIENT, "link", "set", FAR, "up"])
        racks = tuple(
            Rack6(keeper=keeper, number=n, folder=folder / name, clock=Clock(), kept=Kept())
            for n, name in enumerate(RACKS, start=1)
        )
        client = Client6(keeper=keeper, folder=folder, host=CLIENT, interface=FAR)
        return cls(folder=folder, keeper=keeper, racks=racks, client=client)

    def start_relay(self):
        """Relay what the client host asks to both racks."""
        ways = [f"fd00:1::{number}%{HERE}" for number in (1, 2)]
        upper = [word for way in ways for word in ("-u", way)]
        command = [DHCRELAY, "-6", "-d", "--no-pid", "-l", FAR, *upper]
        entrance = self.keeper.entrance_of(ROUTER)
        log = self.folder / "relay.log"
        self._relays.append(start_detached([*entrance, *command], log=log))

    def stop_relay(self):
        """End it; nobody brings what the client host asks to the racks."""
        while self._relays:
            stop_program(self._relays.pop(), seconds=0)

    def end(self):
        """End every program, and the network with its keeper."""
        self.stop_relay()
        for rack in self.racks:
            rack.kill()
        stop_program(self.keeper.program, seconds=0)
