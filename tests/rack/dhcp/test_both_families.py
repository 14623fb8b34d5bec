"""The servers for both families as one: what one of them is told, and when the other follows."""

from attrs import define, field

from evenrack.rack.dhcp.both_families import BothFamilies
from evenrack.rack.dhcp_host import really_applied
from tests.rack.dhcp.one_link import side_of
from tests.rack.dhcp.test_server6 import Host, vlan

OLD, NEW = (vlan(1),), (vlan(1, "upper"),)


@define(kw_only=True)
class Four:
    """The server for IPv4, in memory."""

    has: tuple = ()
    restarts: list = field(factory=list)

    def running(self):
        return bool(self.has)

    async def prepare(self, plan):
        pass

    async def check(self, plan):
        pass

    def serves(self, plan):
        return self.has == plan

    async def restart(self, plan, interfaces):
        self.has = plan
        self.restarts.append(plan)

    async def tell_hosts(self, served, plan):
        pass

    async def keep_hosts(self, plan):
        self.has = plan


def both_of(host):
    return BothFamilies(Four(), host.server)


async def test_the_server_for_ipv6_follows_when_it_is_told_to_and_not_in_a_restart_of_the_other():
    host = Host(*OLD)
    both = both_of(host)
    await both.restart(OLD, ["eth1"])
    assert not host.dhcpd.started
    await both.follow(OLD)
    assert host.dhcpd.started == [["eth1"]]
    await both.keep_hosts(NEW)
    assert len(host.dhcpd.started) == 1, "others wait for the end of this"
    assert both.serves(NEW)
    await host.server.look(NEW, is_served=True)
    assert len(host.dhcpd.started) == 2


async def test_a_disk_that_is_full_is_told_and_fails_nothing():
    host = Host(*OLD)
    both = both_of(host)
    await both.restart(OLD, ["eth1"])
    host.dhcpd.disk_is_full = True
    await both.follow(OLD)
    assert "No space left" in side_of(host.server, OLD[0]).error
    host.dhcpd.disk_is_full = False
    await host.later()
    assert side_of(host.server, OLD[0]).running


async def test_a_daemon_killed_between_both_restarts_finds_what_the_server_for_ipv4_has():
    host = Host(*OLD)
    both = both_of(host)
    await both.restart(OLD, ["eth1"])
    await both.follow(OLD)
    await both.restart((*NEW, vlan(2)), ["eth1"])
    later = BothFamilies(both._four, host.rackd())
    assert really_applied((OLD, (*NEW, vlan(2))), later) == (*NEW, vlan(2))


async def test_what_was_told_in_part_while_another_plan_is_kept_needs_a_restart():
    both = both_of(Host(*OLD))
    await both.restart(OLD, ["eth1"])
    await both.follow(OLD)
    await both.tell_hosts(OLD, NEW)
    await both.keep_hosts(OLD)
    await both.restart(OLD, ["eth1"])
    assert both._four.restarts == [OLD, OLD]
    await both.tell_hosts(OLD, NEW)
    await both.keep_hosts(NEW)
    assert both._told is None
