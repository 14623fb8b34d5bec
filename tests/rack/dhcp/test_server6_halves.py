"""Since when the DHCPv6 server has a half that another rack had: what it remembers of that."""

from attrs import define, evolve
from twisted.internet import reactor
from twisted.internet.task import Clock

from evenrack.model.held_halves import HeldHalves
from evenrack.rack.dhcp.server6 import Host6, IscDhcp6Server
from evenrack.runtime.thinking import think_beside
from tests.rack.dhcp.golden_plans6 import serving6, subnet6
from tests.rack.dhcp.one_link import Kept, side_of
from tests.trusted import now

PLAN = (evolve(serving6(subnet6(1, ("1", "9")), half="upper"), half_held=True),)
LONG_AGO = int(now().timestamp()) - 10_000


@define
class Program:
    """A dhcpd -6 that does at once what it is to."""

    is_there: bool

    def running(self):
        return self.is_there

    def current_text(self):
        return ""

    def ignored(self):
        return ()

    async def restart(self, text, names):
        self.is_there = True


def server(kept, *, running):
    async def interfaces():
        return ()

    host = Host6(interfaces=interfaces, clock=Clock(), wall_clock=now, think=think_beside(reactor))
    return IscDhcp6Server(Program(running), kept, host)


def waited():
    kept = Kept()
    kept.keep_held_halves(HeldHalves().following(PLAN, LONG_AGO, met={1}))
    return kept


async def test_a_daemon_that_comes_back_to_its_running_server_has_waited_for_its_half():
    six = server(waited(), running=True)
    assert not side_of(six, PLAN[0]).held


async def test_after_a_boot_the_half_may_have_been_another_racks_since_and_waits_anew():
    kept = waited()
    six = server(kept, running=False)
    await six.want(PLAN)
    assert side_of(six, PLAN[0]).held
    assert kept.halves.halves[0].since > LONG_AGO


async def test_a_wait_begins_when_the_pair_has_met_and_is_kept():
    kept = Kept()
    six = server(kept, running=False)
    await six.want(PLAN)
    await six.look(PLAN, is_served=True)
    assert not kept.halves.halves[0].met, "the other one may still give it away"
    await six.look(PLAN, is_served=True, met={1})
    assert kept.halves.halves[0].met
