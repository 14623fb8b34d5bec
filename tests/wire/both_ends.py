"""Both real ends of a link, over real bytes and a clock that only the test moves.

iosim's transports carry the bytes. Unlike iosim's own pump, a wire here can be cut without a word
to either end, and an aborted end sends nothing more, as a real socket.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network

from attrs import define, evolve, field
from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.protocols import amp
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport

from evenrack.errors import (
    LeasesUnreadable,
    OrderOutdated,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
    TurnRefused,
)
from evenrack.model.dhcp_lease import LeasePage
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.fleet_number import BEFORE_ALL
from evenrack.model.identifiers import ProcessId, RackId, RunId
from evenrack.model.power import PowerOutcome
from evenrack.model.region_endpoints import endpoints_fingerprint
from evenrack.rack.clock_watch import ClockWatch
from evenrack.rack.newest_plan import NewestPlan
from evenrack.rack.plan_intake import PlanIntake
from evenrack.rack.region_session import RackSelf, RegionSession
from evenrack.rack.served_plan import ServedPlan
from evenrack.region.links.rack_listener import RackListener
from evenrack.region.links.rack_session import Reception
from evenrack.region.links.refusals import Refusals
from evenrack.region.links.strangers import Strangers
from tests.no_dhcp import think_here
from tests.trusted import RACK, OpenDoor

STEP = 1 / 16  # exact in binary: ten steps of it never fall just short of a full second


class End(FakeTransport):
    """One end of a wire; aborting it drops what was not sent and hears nothing more."""

    aborted = False

    def abortConnection(self):  # noqa: N802
        self.aborted = True
        self.stream.clear()
        self.disconnecting = True

    def connection_lost(self, reason):
        if not self.disconnected:
            self.disconnected = True
            self.disconnecting = True
            self.protocol.connectionLost(Failure(reason))


class Wire:
    """A connection between two protocols; bytes flow when it is pumped."""

    _ports = itertools.count(40_000)

    def __init__(self, server, client):
        port = next(self._ports)
        self.server_end = End(server, True, peerAddress=IPv4Address("TCP", "10.0.0.1", port))
        self.client_end = End(client, False, peerAddress=IPv4Address("TCP", "10.0.1.1", 5251))
        self.is_cut = False
        self.from_server = b""
        self.from_client = b""
        server.makeConnection(self.server_end)
        client.makeConnection(self.client_end)

    def cut(self):
        """Let nothing more through, and tell neither end."""
        self.is_cut = True

    @property
    def is_gone(self):
        return bool(self.server_end.disconnected and self.client_end.disconnected)

    def pump(self):
        """Carry bytes and endings once each way; tell whether there was anything to carry."""
        carried = [self._carry(self.server_end, self.client_end)]
        carried.append(self._carry(self.client_end, self.server_end))
        return any(carried)

    def _carry(self, near, far):
        data = near.getOutBuffer()
        if data and not self.is_cut:
            if near is self.server_end:
                self.from_server += data
            else:
                self.from_client += data
            if not (far.aborted or far.disconnected):
                far.bufferReceived(data)
        if near.disconnecting and not near.disconnected and not near.stream:
            near.connection_lost(error.ConnectionDone())
            if not self.is_cut:
                far.connection_lost(error.ConnectionDone())
            return True
        return bool(data)


THE_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """A clock, and the wires that are pumped while it moves."""

    def __init__(self):
        self.clock = Clock()
        self.wires = []

    @property
    def time(self):
        """The time of day, which the database has."""
        return THE_DAY + timedelta(seconds=self.clock.seconds())

    def connect(self, server, client):
        wire = Wire(server, client)
        self.wires.append(wire)
        return wire

    def settle(self):
        """Let everything happen that needs no time."""
        for _ in range(1_000):
            self.clock.advance(0)
            carried = [wire.pump() for wire in self.wires]
            if not any(carried):
                return
        raise AssertionError("it never comes to rest")

    def advance(self, seconds):
        self.settle()
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            self.clock.advance(min(STEP, end - self.clock.seconds()))
            self.settle()


def counted_bytes():
    """Random bytes as they should be: never twice the same."""
    numbers = itertools.count(1)
    return lambda length: next(numbers).to_bytes(length, "big")


@define(kw_only=True)
class Desk:
    """The process behind a region's end: what it admits, and what it was told."""

    world: World
    endpoints: dict = field(factory=dict)
    manages: set = field(factory=set)
    refuses: Exception | None = None
    slow: Deferred | None = None
    """When set, hellos wait for it."""
    told: list = field(factory=list)
    links: list = field(factory=list)
    door: OpenDoor = field(factory=OpenDoor)

    async def admit(self, link):
        self.links.append(link)
        self.told.append(("admit", link.rack))
        if self.slow is not None:
            await self.slow
        if self.refuses is not None:
            raise self.refuses

    def gone(self, link):
        self.links.remove(link)
        self.told.append(("gone", link.rack))

    async def cloned(self, rack, address, why):
        self.told.append(("cloned", rack, why))

    async def lost(self, rack, link):
        self.told.append(("lost", rack, link))

    async def goodbye(self, rack, run):
        self.told.append(("goodbye", rack, run))

    async def interfaces(self, link, interfaces):
        self.told.append(("interfaces", link.rack, interfaces))

    async def dhcp(self, link, report):
        self.told.append(("dhcp", link.rack, report))

    async def new_leases(self, link, news):
        self.told.append(("leases", link.rack, news))

    async def bmc_reach(self, link, reach):
        self.told.append(("reach", link.rack, reach))

    async def record_phase(self, rack, order, attempt, step):
        self.told.append(("phase", rack, order, attempt, step))
        return attempt > 1

    def reception(self, **changed):
        plain = Reception(
            process=ProcessId("region1/1"),
            doorkeeper=self.door,
            token_bytes=counted_bytes(),
            clock=self.world.clock,
            silence_seconds=3.0,
            refusals=Refusals(),
            strangers=Strangers(),
            admit=self.admit,
            gone=self.gone,
            cloned=self.cloned,
            lost=self.lost,
            goodbye=self.goodbye,
            interfaces=self.interfaces,
            dhcp=self.dhcp,
            new_leases=self.new_leases,
            bmc_reach=self.bmc_reach,
            record_phase=self.record_phase,
            grants_lease=lambda link: link.rack in self.manages,
            endpoints=lambda: self.endpoints,
            database_clock=lambda: self.world.time,
        )
        return evolve(plain, **changed)


@define(kw_only=True)
class Memory:
    """The rack behind the rack's ends: its plan, its leases, the regions it knows."""

    world: World
    rack: RackId = RACK
    newest: NewestPlan = field(init=False)
    intake: PlanIntake = field(init=False)
    known: dict = field(factory=dict)
    leases: list = field(factory=list)
    lost: list = field(factory=list)
    waits_for: str = ""
    that_end: list = field(factory=list)
    """Of the turns that were taken."""
    mourns: tuple = (7, "rack0007")
    """The VLAN where it does not hear its partner, and who that is."""
    turns: list = field(factory=list)
    page: LeasePage | None = field(factory=LeasePage)
    """None when the file cannot be read."""
    trusts: str = ""
    served: Callable = field(factory=lambda: ServedPlan(tuple).piece)
    clock_ahead: timedelta = timedelta(0)
    """By how much this host's clock is wrong."""
    clock_watch: ClockWatch = field(init=False)

    def __attrs_post_init__(self):
        self.newest = NewestPlan(self.rack)
        self.clock_watch = ClockWatch(self.world.clock, lambda: self.world.time + self.clock_ahead)
        self.intake = PlanIntake(self.newest, self.follow, think_here)

    async def follow(self, plan):
        if self.newest.is_news(plan):
            self.newest.follow(plan)

    async def take_turn(self, process, turn):
        if turn.plan != self.waits_for:
            raise TurnRefused("another plan waits")
        self.turns.append(turn.plan)
        self.that_end += [turn.plan] if turn.ends else []

    async def take_partner_down(self, process, vlan, dead):
        if (vlan, dead) != self.mourns:
            raise PartnerDownRefused("it may live")
        return 3600

    async def probe(self, process, addresses):
        if addresses[0] not in IPv4Network("10.1.0.0/24"):
            raise ProbeRefused("it is not beside this rack")
        return tuple(ProbeAnswer(address=address, found="silent") for address in addresses)

    async def end_recover_wait(self, process, vlan, peer):
        if (vlan, peer) != self.mourns:
            raise RecoverWaitRefused("its server is in normal")

    async def power(self, order):
        if order.attempt == 1:
            raise OrderOutdated("a later attempt was seen")
        return PowerOutcome(result="ok", state="on", sent=True)

    async def read_leases(self, asked):
        if self.page is None:
            raise LeasesUnreadable("its disk is gone")
        return self.page

    def rack_self(self, **changed):
        plain = RackSelf(
            rack=self.rack,
            run=RunId("run1"),
            hostname="rack1",
            clock=self.world.clock,
            ping_seconds=1.0,
            silence_seconds=3.0,
            holds=lambda: (self.newest.number, self.newest.fingerprint),
            follow=self.follow,
            offer_plan=self.intake.offer,
            take_vlan=self.intake.take,
            change_vlan=self.intake.change,
            take_turn=self.take_turn,
            take_partner_down=self.take_partner_down,
            probe=self.probe,
            end_recover_wait=self.end_recover_wait,
            power=self.power,
            leases=self.read_leases,
            served=self.served,
            granted=lambda process, asked_at: self.leases.append((process, asked_at)),
            known_regions=lambda: endpoints_fingerprint(self.known),
            learn_regions=lambda process, told: setattr(self, "known", told),
            clock_watch=self.clock_watch,
            trusted=lambda: self.trusts,
            trust=lambda told: setattr(self, "trusts", told.decode()),
            why_ended=lambda transport, failure: None,
        )
        return evolve(plain, **changed)


class Link:
    """One link with both its ends, before anything was said on it."""

    def __init__(self, *, reception=None, rack=None, desk=None, session=RegionSession):
        self.world = World() if desk is None else desk.world
        self.desk = desk or Desk(world=self.world)
        self.memory = Memory(world=self.world)
        listener = RackListener(self.desk.reception(**(reception or {})))
        self.region = listener.buildProtocol(None)
        self.rack = session(self.memory.rack_self(**(rack or {})), self.memory.lost.append)
        self.wire = self.world.connect(self.region, self.rack)

    def ask(self, work):
        """Start a coroutine or take a Deferred, let it happen, and give what came of it."""
        deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        outcome = Outcome(deferred)
        self.world.settle()
        return outcome

    def introduce(self):
        self.ask(self.rack.greet()).value()
        return self


class Outcome:
    """What came of a Deferred so far."""

    def __init__(self, deferred):
        self.results = []
        deferred.addBoth(self.results.append)

    @property
    def is_there(self):
        return bool(self.results)

    def value(self):
        (result,) = self.results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def error(self):
        (result,) = self.results
        assert isinstance(result, Failure), f"it succeeded: {result!r}"
        return result.value

    def code(self):
        problem = self.error()
        assert isinstance(problem, amp.RemoteAmpError), repr(problem)
        return problem.errorCode


def raw(end, command, **arguments):
    """Ask with these bytes, whatever they are."""
    return end.callRemoteString(command.commandName, **arguments)


def hello_arguments(**changed):
    """The argument bytes of a right hello, some of them changed; None takes one away."""
    plain = {
        "protocol": b"2",
        "run": b"run1",
        "hostname": b"rack1",
        "generation": str(BEFORE_ALL).encode(),
        "fingerprint": b"",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value is not None}
