"""The watch sees that the DHCPv6 server follows what was applied, and tells how it serves."""

from attrs import define, evolve, field
from twisted.internet.task import Clock

from evenrack.model.dhcp_report import DhcpReport, Ipv6Side
from evenrack.rack.ipv6_watch import LOOK_SECONDS, Ipv6Watch
from evenrack.rack.vlan_reports import vlan_reports
from tests.rack.dhcp.golden_plans import service, subnet
from tests.rack.dhcp.golden_plans6 import serving6, subnet6

IPV6 = serving6(subnet6(1, ("1", "9")), half="lower")
IPV4 = service(subnet(2))
PLAN = (IPV6, IPV4)


@define
class Server:
    """A DHCPv6 server that does at once what it is to."""

    looks: list = field(factory=list)
    error: str = ""

    async def look(self, applied, *, is_served, met):
        self.looks.append((applied, is_served, set(met)))

    def sides(self, plan):
        return {
            it.vlan.id: Ipv6Side(half=it.half, running=not self.error, error=self.error)
            for it in plan
            if it.vlan.has_ipv6
        }


def test_each_second_it_looks_and_a_change_is_told_once():
    server, clock, told = Server(), Clock(), []
    four = [DhcpReport(vlans=vlan_reports(PLAN, lambda _: "startup"))]
    watch = Ipv6Watch(server, lambda: PLAN, lambda: True, lambda: four[0], clock)
    watch.on_change = lambda: told.append(clock.seconds())
    watch.startService()
    report = DhcpReport(running=True, vlans=vlan_reports(PLAN, lambda _: "normal"))
    for _ in range(3):
        clock.advance(LOOK_SECONDS)
    assert server.looks[-1] == (PLAN, True, set())
    assert len(server.looks) >= 3
    assert len(told) == 1
    first, second = watch.added_to(report).vlans
    assert (first.ipv6, second.ipv6) == (Ipv6Side(half="lower", running=True), None)
    server.error = "it does not start"
    clock.advance(LOOK_SECONDS)
    assert len(told) == 2
    assert watch.added_to(report).vlans[0].ipv6.error == "it does not start"
    four[0] = report
    clock.advance(LOOK_SECONDS)
    assert server.looks[-1] == (PLAN, True, {1, 2}), "the pairs have met"
    watch.stopService()
    assert not clock.getDelayedCalls()


def test_without_such_a_server_nothing_is_looked_at_and_reports_are_as_they_were():
    clock = Clock()
    watch = Ipv6Watch(None, lambda: PLAN, lambda: True, DhcpReport, clock)
    watch.startService()
    report = DhcpReport(vlans=vlan_reports(PLAN, None))
    assert watch.added_to(report) is report
    assert evolve(report) == watch.added_to(report)
    watch.stopService()
    assert not clock.getDelayedCalls()
