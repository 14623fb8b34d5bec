"""The rack's end of a link to a region process: proves itself, says hello, pings, takes plans."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

from evenrack.config.secret_file import Secret
from evenrack.errors import NotAuthenticated
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, LinkId, OrderId, ProcessId, RackId, RunId
from evenrack.model.interface_list import Interface
from evenrack.model.power import Phase, PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.model.region_endpoints import RegionEndpoints
from evenrack.wire import handshake
from evenrack.wire.rack_commands import ApplyPlan, PowerBmc, TakeTurn
from evenrack.wire.region_commands import (
    Challenge,
    Goodbye,
    Hello,
    ListEndpoints,
    Ping,
    Prove,
    RecordPhase,
    ReportDhcp,
    ReportInterfaces,
    ReportLostLink,
    ReportReach,
)
from evenrack.wire.session import LinkEnd
from evenrack.wire.version import PROTOCOL


@frozen(kw_only=True)
class RackSelf:
    """What a session needs of its rack."""

    rack: RackId
    run: RunId
    hostname: str
    secret: Secret
    token_bytes: Callable[[int], bytes]
    clock: IReactorTime
    ping_seconds: float
    silence_seconds: float
    holds: Callable[[], tuple[FleetNumber, str]]
    """Number and fingerprint of the plan that is followed."""
    follow: Callable[[RackPlan], None]
    take_turn: Callable[[str], Awaitable[None]]
    """Restart the DHCP server for the checked plan with this fingerprint; TurnRefused."""
    power: Callable[[PowerOrder], Awaitable[PowerOutcome]]
    """Carry out a power order; OrderOutdated."""
    granted: Callable[[ProcessId, float], None]
    """A lease: from which process, and when the ping was sent."""
    known_regions: Callable[[], str]
    """Fingerprint of the list of region processes."""
    learn_regions: Callable[[ProcessId, RegionEndpoints], None]
    """A list of region processes, and which process told it."""


class RegionSession(LinkEnd):
    """Speaks for one rack to one region process; takes no command before the region's proof."""

    def __init__(self, rack: RackSelf, lost: Callable[["RegionSession"], None]) -> None:
        super().__init__(rack.clock, silence_seconds=rack.silence_seconds)
        self._rack = rack
        self._lost = lost
        self._region_proved = False
        self._next_ping: IDelayedCall | None = None
        self.process: ProcessId | None = None
        self.ended: Deferred[None] = Deferred()
        self.link: LinkId | None = None
        self._listed = ""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._next_ping is not None and self._next_ping.active():
            self._next_ping.cancel()
        super().connectionLost(reason)
        self._lost(self)
        self.ended.callback(None)

    def locateResponder(self, name: bytes) -> Callable[[Any], Deferred[Any]] | None:
        """Find the answer to a command; only a region that proved itself may command."""
        if not self._region_proved:
            self.cut("it sent a command before it proved itself")
            return None
        return super().locateResponder(name)

    @ApplyPlan.responder
    def apply_plan(self, plan: RackPlan) -> dict[str, Any]:
        self._rack.follow(plan)
        number, fingerprint = self._rack.holds()
        return {"generation": number, "fingerprint": fingerprint}

    @TakeTurn.responder
    async def take_turn(self, plan: str) -> dict[str, Any]:
        await self._rack.take_turn(plan)
        return {}

    @PowerBmc.responder
    async def power_bmc(self, order: PowerOrder) -> dict[str, Any]:
        return {"outcome": await self._rack.power(order)}

    async def authenticate(self) -> None:
        """Prove both ends to each other; NotAuthenticated when either secret is another."""
        mine = self._rack.token_bytes(handshake.NONCE_BYTES)
        answer = await self.callRemote(Challenge, nonce=mine)
        theirs, secret = answer["nonce"], self._rack.secret.reveal()
        if len(theirs) != handshake.NONCE_BYTES or not handshake.proves(
            answer["proof"], secret, "region", mine, theirs
        ):
            raise NotAuthenticated(
                "the region does not know this rack's secret: compare the two secret_file"
            )
        await self.callRemote(Prove, proof=handshake.proof(secret, "rack", mine, theirs))
        self._region_proved = True

    async def greet(self) -> ProcessId:
        """Say hello and begin to ping; gives the process at the other end once it knows us."""
        number, fingerprint = self._rack.holds()
        greeting = self.callRemote(
            Hello,
            protocol=PROTOCOL,
            rack=self._rack.rack,
            run=self._rack.run,
            hostname=self._rack.hostname,
            generation=number,
            fingerprint=fingerprint,
        )
        self._ping_later()  # the region may take longer over the hello than silence is allowed
        answer = await greeting
        self.process, self.link = ProcessId(answer["process"]), LinkId(answer["link"])
        self._ping()
        return self.process

    async def report_lost_link(self, link: LinkId) -> None:
        """Tell this region that another link of this rack is gone."""
        await self.callRemote(ReportLostLink, link=link)

    async def report_interfaces(self, interfaces: tuple[Interface, ...]) -> None:
        """Tell this region the addresses of this rack."""
        await self.callRemote(ReportInterfaces, interfaces=interfaces)

    async def report_dhcp(self, report: DhcpReport) -> None:
        """Tell this region what this rack's DHCP server does."""
        await self.callRemote(ReportDhcp, report=report)

    async def report_reach(self, bmcs: tuple[BmcId, ...]) -> None:
        """Tell this region which BMCs answer this rack."""
        await self.callRemote(ReportReach, bmcs=bmcs)

    async def record_phase(self, order: OrderId, attempt: int, before: Phase, after: Phase) -> bool:
        """Ask this region to record a phase of a power order; False when it may not be."""
        step = {"before": before, "after": after}
        answer = await self.callRemote(RecordPhase, order=order, attempt=attempt, **step)
        return bool(answer["recorded"])

    async def say_goodbye(self) -> None:
        """Tell this region that the daemon is being stopped in order."""
        await self.callRemote(Goodbye)

    def _ping_later(self) -> None:
        if self.is_open:
            self._next_ping = self.clock.callLater(self._rack.ping_seconds, self._ping)

    def _ping(self) -> None:
        if self._next_ping is not None and self._next_ping.active():
            self._next_ping.cancel()
        if self.is_open:
            Deferred.fromCoroutine(self._ping_once())
            self._ping_later()

    async def _ping_once(self) -> None:
        """Ask once; a link that ends meanwhile, or a region with a bug, is told of elsewhere."""
        asked_at = self.clock.seconds()
        try:
            answer = await self.callRemote(Ping)
            if self.process is None:
                return
            if answer["lease"]:
                self._rack.granted(self.process, asked_at)
            if answer["endpoints"] not in {self._listed, self._rack.known_regions()}:
                told = await self.callRemote(ListEndpoints)
                self._rack.learn_regions(self.process, told["endpoints"])
                self._listed = answer["endpoints"]
        except amp.RemoteAmpError as problem:
            self.log.warn(
                "{peer}: ping refused: {problem}", peer=self.peer_address, problem=problem
            )
        except Exception as problem:  # noqa: BLE001  every kind of lost connection
            if self.is_open:
                self.log.warn("{peer}: {problem}", peer=self.peer_address, problem=repr(problem))
