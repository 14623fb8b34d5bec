"""A fleet serves IPv6: each rack its half, and all who ask when the other one is lost."""

import json
import sys
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from attrs import frozen
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.lab.network.keeper import Keeper
from evenrack.runtime.child_process import ProgramId, run_program
from tests.rack.dhcp.one_link import DHCLIENT, Client6

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.deadline(180),
    pytest.mark.usefixtures("network_possible"),
    pytest.mark.skipif(DHCLIENT is None, reason="dhclient is missing: isc-dhcp-client"),
]

EVENRACK = str(Path(sys.executable).parent / "evenrack")
SMALL = ("--region-hosts", "1", "--processes", "1", "--racks", "2", "--vlans", "1")
RESERVED = "00:02:00:00:ab:11:01:ff"
HALVES = {
    "lower": (IPv6Address("fd77:1::1000"), IPv6Address("fd77:1::17ff")),
    "upper": (IPv6Address("fd77:1::1800"), IPv6Address("fd77:1::1fff")),
}


@frozen
class Lab:
    """A lab with one VLAN and two racks."""

    folder: Path

    def tell(self, verb, *arguments):
        command = [EVENRACK, "lab", verb, *arguments, "--dir", str(self.folder)]
        return run_program(command, seconds=90)

    def ask(self, *arguments):
        socket = self.folder / "region1" / "run" / "regiond-1.sock"
        return run_program([EVENRACK, "--socket", str(socket), *arguments], seconds=30)

    @property
    def keeper(self):
        kept = json.loads((self.folder / "lab.json").read_text())["keeper"]
        program = ProgramId(kept["pid"], kept["started"])
        return Keeper(program=program, user_namespace=kept["user_namespace"])

    def cable(self, host):
        """Name the interface of a host that is on the VLAN."""
        links = json.loads(self.keeper.run(["ip", "-n", host, "-j", "link"]))
        return next(it["ifname"] for it in links if it["ifname"].startswith("vlan"))

    def ipv6(self):
        """What each rack says of its DHCPv6 server, and the generation that it is to have."""
        (vlan,) = json.loads(self.ask("dhcp", "status", "--json"))
        return {side["rack"]: side["ipv6"] for side in vlan["sides"]}, vlan["generation"]

    def is_served(self):
        sides, generation = self.ipv6()
        served = [it for it in sides.values() if it is not None and it["running"]]
        return len(served) == 2 and {it["applied"] for it in served} == {generation}

    def pid(self, rack, folder):
        (record,) = (self.folder / rack).rglob(f"{folder}/dhcpd.json")
        return json.loads(record.read_text())["pid"]

    def is_alive(self, rack, folder):
        return Path("/proc", str(self.pid(rack, folder))).exists()


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path / "lab")
    made.tell("up", *SMALL, "--clients", "1", "--bmcs", "0")
    yield made
    made.tell("down")


async def until(condition):
    """Wait for as long as the test may take."""
    while not condition():
        await deferLater(reactor, 0.2)


async def test_m11_each_rack_serves_its_half_of_ipv6_and_goes_on_alone(lab, tmp_path):
    for number in (1, 2):
        place = ["dev", lab.cable(f"rack{number}"), "nodad"]
        add = ["ip", "-n", f"rack{number}", "addr", "add", f"fd77:1::{number}/64", *place]
        lab.keeper.run(add)
    of_ipv4 = [lab.pid(rack, "dhcp") for rack in ("rack1", "rack2")]
    lab.ask("subnet", "create", "fd77:1::/64", "--vlan", "vlan1", "--dns", "fd77:1::53")
    lab.ask("range", "create", "fd77:1::1000", "fd77:1::1fff")
    lab.ask("reservation", "create", RESERVED, "fd77:1::21")
    await until(lab.is_served)
    sides, _ = lab.ipv6()
    assert {it["half"] for it in sides.values()} == {"lower", "upper"}
    assert not any(it["held"] or it["error"] for it in sides.values()), "nobody had any of it"
    assert [lab.pid(rack, "dhcp") for rack in ("rack1", "rack2")] == of_ipv4, "left alone"

    client = Client6(
        keeper=lab.keeper, folder=tmp_path, host="client1", interface=lab.cable("client1")
    )
    first = (await client.ask("00:03:00:01:02:00:00:00:00:01")).address
    assert HALVES["lower"][0] <= first <= HALVES["upper"][1]

    before = lab.pid("rack2", "dhcp6")
    lab.tell("kill", "rack2/rackd")
    assert lab.is_alive("rack2", "dhcp6"), "a rack daemon is not its server"
    lab.tell("restart", "rack2/rackd")
    await until(lab.is_served)
    assert lab.pid("rack2", "dhcp6") == before

    lab.tell("kill", "rack1")
    least, most = HALVES[sides["rack2"]["half"]]
    for number in (2, 3):
        found = await client.ask(f"00:03:00:01:02:00:00:00:00:{number:02x}")
        assert least <= found.address <= most
    assert (await client.ask(RESERVED)).address == IPv6Address("fd77:1::21")
