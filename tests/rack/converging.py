"""A rack daemon that makes its DHCP server follow its plans, on a host that outlives it."""

from ipaddress import IPv4Interface

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.errors import ProgramFailed, TurnRefused
from evenrack.model.dhcp_plan import dhcp_fingerprint
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.interface_list import Interface
from evenrack.rack.converge import Converge
from evenrack.rack.dhcp_host import Wanted
from evenrack.rack.state_folder import AppliedDhcp, StateFolder
from tests.dhcp_fleet import dhcp_fleet, rack_id
from tests.rack.small_dhcp_server import SmallDhcpServer
from tests.wire.both_ends import STEP, Outcome

BOTH = {1: (1, 2), 2: (1, 2)}


def plan_of(services=BOTH, *, generation=5):
    """What rack 1 serves; the generation is that of each VLAN's last change."""
    fleet = dhcp_fleet(dict.fromkeys(services, (1, 2)), services=services)
    number = FleetNumber(1, generation)
    return tuple(evolve(it, number=number) for it in dhcp_plan_for(fleet, rack_id(1)))


FIRST, SECOND = plan_of(), plan_of(generation=6)


class RackHost:
    """A host whose rack daemon comes and goes; its DHCP server and its disk stay."""

    def __init__(self, folder):
        self.clock = Clock()
        self.server = SmallDhcpServer(clock=self.clock)
        self.state = StateFolder(folder)
        self.plan = ()
        self.has_region = True
        self.ip_works = True
        self.disk_seconds = 0.0
        self.reports = []

    def begin(self):
        """Start the daemon."""
        self.converge = Converge(
            self.server,
            AppliedDhcp(self.state, self._think),
            self._wanted,
            self._interfaces,
            self.clock,
        )
        self.converge.on_report = lambda: self.reports.append(self.converge.report)
        self.converge.startService()
        self.advance(0)
        return self

    def end(self):
        """Stop the daemon; what it was about to do, it does."""
        self.converge.stopService()
        self.advance(5.0)

    def crash(self):
        """End the daemon at once, whatever it is about to do; the server outlives it."""
        self.clock = self.server.clock = Clock()
        self.server.changing = False

    def advance(self, seconds):
        end = self.clock.seconds() + seconds
        self.clock.advance(0)
        while self.clock.seconds() < end:
            self.clock.advance(STEP)
        self.clock.advance(0)

    def follow(self, plan):
        """Get a plan from a region."""
        self.plan = plan
        self.converge.trigger()
        self.advance(0)

    def turn(self, plan, *, ends=False):
        """Get the turn for a plan."""
        turn = self.converge.take_turn(dhcp_fingerprint(plan), ends=ends)
        outcome = Outcome(Deferred.fromCoroutine(turn))
        self.advance(0)
        return outcome

    def serving(self, plan, *, ends=False):
        """Get a plan and the turn for it."""
        self.follow(plan)
        self.turn(plan, ends=ends).value()
        assert self.server.runs == plan
        return self

    @property
    def kept(self):
        """What is on disk as applied."""
        return self.state.applied_dhcp()

    @property
    def report(self):
        return self.converge.report

    @property
    def errors(self):
        return {error.vlan: error.error for error in self.report.errors}

    @property
    def states(self):
        return {vlan.vlan: vlan.state for vlan in self.report.vlans}

    def _wanted(self):
        return Wanted(plan=self.plan, from_region=self.has_region)

    async def _think(self, work):
        """Write to the disk, which may take its time."""
        if self.disk_seconds:
            await deferLater(self.clock, self.disk_seconds)
        return work()

    async def _interfaces(self):
        if not self.ip_works:
            raise ProgramFailed("ip -j addr", "ended with exit code 1", "")
        return tuple(
            Interface(name=f"eth{n}", address=IPv4Interface(f"10.{n}.0.1/24")) for n in (1, 2, 9)
        )


def refused(outcome):
    problem = outcome.error()
    assert isinstance(problem, TurnRefused)
    return str(problem)
