"""How the DHCPv6 server of a rack follows plans, over a dhcpd in memory."""

from errno import ENOSPC
from ipaddress import IPv4Interface, IPv6Address

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.task import Clock

from evenrack.errors import ProgramFailed
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp.own_addresses6 import own_addresses6, usable_in
from evenrack.rack.dhcp.server6 import RETRY_SECONDS, Host6, IscDhcp6Server
from evenrack.runtime.thinking import think_beside
from tests.rack.dhcp.golden_plans6 import serving6, subnet6
from tests.rack.dhcp.one_link import Kept, side_of
from tests.trusted import now


def vlan(number, half="lower"):
    return serving6(subnet6(number, ("100", "1ff")), number=number, half=half)


@define(kw_only=True)
class SmallDhcpd6:
    """A dhcpd -6 that does at once what it is told."""

    text: str | None = None
    runs: bool = False
    started: list = field(factory=list)
    """The interfaces of each start."""
    ignores: tuple = ()
    disk_is_full: bool = False
    asked: int = 0
    """How often it was asked whether it runs, or what it said: files are read for that."""

    def running(self):
        self.asked += 1
        return self.runs

    def current_text(self):
        return self.text

    def ignored(self):
        self.asked += 1
        return self.ignores

    async def check(self, text):
        pass

    async def restart(self, text, interfaces):
        if self.disk_is_full:
            raise OSError(ENOSPC, "No space left on device")
        self.text, self.runs = text, True
        self.started.append(list(interfaces))

    async def stop(self):
        self.runs = False


class Host:
    """A host whose interfaces are its VLANs' that it has."""

    def __init__(self, *plan):
        self.plan, self.ip_works = plan, True
        self.kernel = ""
        self.dhcpd, self.clock, self.kept = SmallDhcpd6(), Clock(), Kept()
        self.server = self.rackd()

    def rackd(self):
        host = Host6(
            interfaces=self.interfaces,
            clock=self.clock,
            wall_clock=now,
            think=think_beside(reactor),
            own_addresses=lambda: usable_in(self.kernel),
        )
        return IscDhcp6Server(self.dhcpd, self.kept, host)

    async def interfaces(self):
        if not self.ip_works:
            raise ProgramFailed("ip -j addr", "ended with exit code 1", "")
        return tuple(
            Interface(name=f"eth{it.vlan.id}", address=IPv4Interface(f"{it.address}/24"))
            for it in self.plan
        )

    async def later(self):
        self.clock.advance(RETRY_SECONDS)
        await self.server.look(self.server._wanted, is_served=True)


async def test_what_a_plan_took_away_ends_also_where_no_interface_is_on_what_is_left():
    first, second = vlan(1), vlan(2)
    host = Host(first)
    await host.server.want((first, second))
    assert host.dhcpd.started == [["eth1"]]
    await host.server.want((second,))
    assert not host.dhcpd.runs, "the first VLAN may be another rack's"
    assert "no interface is on its VLANs" in side_of(host.server, second).error


async def test_what_a_plan_took_away_ends_also_while_interfaces_cannot_be_read():
    plan = (vlan(1),)
    host = Host(*plan)
    await host.server.want(plan)
    host.ip_works = False
    other_half = (vlan(1, "upper"),)
    await host.server.want(other_half)
    assert not host.dhcpd.runs
    host.ip_works = True
    await host.later()
    assert host.dhcpd.runs
    host.ip_works = False
    await host.server.want((*other_half, vlan(2)))
    assert host.dhcpd.runs, "nothing was taken from it"


async def test_a_look_at_many_vlans_asks_the_server_as_little_as_at_one():
    plan = tuple(vlan(number) for number in range(1, 51))
    host = Host(*plan)
    await host.server.want(plan)
    asked = []
    for part in (plan[:1], plan):
        before = host.dhcpd.asked
        assert all(side.running for side in host.server.sides(part).values())
        asked.append(host.dhcpd.asked - before)
    assert asked[0] == asked[1]
    assert len(host.server.sides(plan)) == len(plan)
    assert host.server.sides(()) == {}


OF_LINK = "fe800000000000000000000000000002 03 40 20 80     eth2\n"
ELSEWHERE = "fd000009000000000000000000000002 03 40 00 82     eth2\n"
TENTATIVE = "fd000002000000000000000000000002 03 40 00 c2     eth2\n"
OF_VLAN = "fd000002000000000000000000000002 03 40 00 82     eth2\n"


async def test_an_interface_without_an_address_costs_no_restart_before_it_has_one():
    plan = (vlan(1), vlan(2))
    host = Host(*plan)
    host.dhcpd.ignores = ("eth2",)
    await host.server.want(plan)
    for kernel in ("", OF_LINK, OF_LINK + ELSEWHERE + TENTATIVE):
        host.kernel = kernel
        await host.later()
        assert len(host.dhcpd.started) == 1, kernel
    assert "has no IPv6 address" in side_of(host.server, plan[1]).error
    host.kernel = OF_LINK + OF_VLAN
    await host.server.look(plan, is_served=True)
    assert len(host.dhcpd.started) == 2
    host.dhcpd.ignores = ()
    await host.later()
    assert len(host.dhcpd.started) == 2


def test_the_kernel_of_this_host_can_be_read():
    assert ("eth2", IPv6Address("fd00:2::2")) in usable_in(OF_VLAN)
    assert all(not address.is_link_local for _, address in own_addresses6())
