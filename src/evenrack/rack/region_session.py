"""The rack's end of a link to a region process: says hello, pings, takes plans.

That the other end is a region TLS has checked before a byte of it is read (`trust.tls.RackTls`).
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

from evenrack.errors import (
    ContentRefused,
    NotTrusted,
    PartnerDownRefused,
    ProbeRefused,
    RecoverWaitRefused,
    TurnRefused,
)
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_report import DhcpReport, as_before
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import LinkId, OrderId, ProcessId, RackId, RunId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews, news_as_before
from evenrack.model.plan_outline import Content, PlanOutline
from evenrack.model.power import BmcReach, Phase, PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.model.region_endpoints import RegionEndpoints
from evenrack.model.served_piece import ServedPiece
from evenrack.model.vlan_change import VlanChange
from evenrack.rack.clock_watch import ClockWatch
from evenrack.runtime.log_format import error_text
from evenrack.wire.rack_commands import (
    ApplyPlan,
    ChangeVlan,
    EndRecoverWait,
    OfferPlan,
    PowerBmc,
    ProbeAddresses,
    ReadLeases,
    ReadServed,
    TakePartnerDown,
    TakeTurn,
    TakeVlan,
)
from evenrack.wire.region_commands import (
    Goodbye,
    Hello,
    ListAuthorities,
    ListEndpoints,
    Ping,
    RecordPhase,
    RenewCertificate,
    ReportDhcp,
    ReportInterfaces,
    ReportLeases,
    ReportLostLink,
    ReportReach,
)
from evenrack.wire.session import LinkEnd
from evenrack.wire.version import PROTOCOL

MOST_PENDING_OF_REGION = 10_000
"""Commands that wait for their answers: a power order does so until it has ended."""

MOST_BYTES_OF_REGION = 8 * 1024 * 1024
"""Of one box: more than any plan has."""


@frozen(kw_only=True)
class RackSelf:
    """What a session needs of its rack."""

    rack: RackId
    run: RunId
    hostname: str
    clock: IReactorTime
    ping_seconds: float
    silence_seconds: float
    holds: Callable[[], tuple[FleetNumber, str]]
    """Number and fingerprint of the plan that is followed."""
    follow: Callable[[RackPlan], Awaitable[None]]
    """Keep a plan and follow it; StalePlan."""
    offer_plan: Callable[[PlanOutline], Awaitable[tuple[Content, ...]]]
    """Follow a plan whose VLANs are all known, or say which are not; StalePlan."""
    take_vlan: Callable[[Content, int, bytes], Awaitable[None]]
    """Take a part of a VLAN that was lacking; ContentRefused."""
    change_vlan: Callable[[Content, Content, VlanChange], Awaitable[None]]
    """Make a VLAN that was lacking from one that is followed; ContentRefused."""
    take_turn: Callable[[ProcessId, Turn], Awaitable[None]]
    """Restart the DHCP server, as a process says it is the rack's turn; TurnRefused."""
    take_partner_down: Callable[[ProcessId, VlanId, RackId], Awaitable[int]]
    """Take the other server of a pair for dead, as a process says: mclt; PartnerDownRefused."""
    probe: Callable[[ProcessId, tuple[IPv4Address, ...]], Awaitable[tuple[ProbeAnswer, ...]]]
    """Find out which hosts run, as a process asks; ProbeRefused."""
    end_recover_wait: Callable[[ProcessId, VlanId, RackId], Awaitable[None]]
    """Let the DHCP server serve without waiting for mclt, as a process says; RecoverWaitRefused."""
    power: Callable[[PowerOrder], Awaitable[PowerOutcome]]
    """Carry out a power order; OrderOutdated."""
    leases: Callable[[LeasesAsked], Awaitable[LeasePage]]
    """Give what the DHCP server wrote down; LeasesUnreadable."""
    served: Callable[[str, int], ServedPiece]
    """Give a piece of what the DHCP server serves: of which plan, and from where on."""
    granted: Callable[[ProcessId, float], None]
    """A lease: from which process, and when the ping was sent."""
    known_regions: Callable[[], str]
    """Fingerprint of the list of region processes."""
    learn_regions: Callable[[ProcessId, RegionEndpoints], None]
    """A list of region processes, and which process told it."""
    clock_watch: ClockWatch
    """Is told what the regions say of the time."""
    trusted: Callable[[], str]
    """Fingerprint of the authorities that this rack trusts."""
    trust: Callable[[bytes], None]
    """Whom to trust from now on, as a region told it (PEM)."""
    why_ended: Callable[[Any, Failure], str | None]
    """Why TLS ended a link, if it did."""
    failure_domain: str = ""
    """What it fails together with; empty: alone."""


class RegionSession(LinkEnd):
    """Speaks for one rack to one region process; takes no command before the hello's answer."""

    def __init__(self, rack: RackSelf, lost: Callable[["RegionSession"], None]) -> None:
        super().__init__(
            rack.clock,
            silence_seconds=rack.silence_seconds,
            most_box_bytes=MOST_BYTES_OF_REGION,
            most_pending=MOST_PENDING_OF_REGION,
        )
        self._rack = rack
        self._lost = lost
        self._next_ping: IDelayedCall | None = None
        self.process: ProcessId | None = None
        self.ended: Deferred[None] = Deferred()
        self.link: LinkId | None = None
        self._listed = ""
        self._agreed = ""
        self._why_tls_ended: str | None = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._why_tls_ended = self._rack.why_ended(self.transport, reason)
        if self._next_ping is not None and self._next_ping.active():
            self._next_ping.cancel()
        super().connectionLost(reason)
        self._lost(self)
        self.ended.callback(None)

    def locateResponder(self, name: bytes) -> Callable[[Any], Deferred[Any]] | None:
        """Find the answer to a command; only a process that knows this rack may command."""
        if self.is_cut:
            return None
        if self.process is None:
            self.cut("it sent a command before it answered the hello")
            return None
        return super().locateResponder(name)

    @ApplyPlan.responder
    async def apply_plan(self, plan: RackPlan) -> dict[str, Any]:
        await self._rack.follow(plan)
        return self._what_is_followed()

    @OfferPlan.responder
    async def offer_plan(self, outline: PlanOutline) -> dict[str, Any]:
        missing = await self._rack.offer_plan(outline)
        return {"missing": missing, **self._what_is_followed()}

    @TakeVlan.responder
    async def take_vlan(self, vlan: str, length: int, start: int, text: bytes) -> dict[str, Any]:
        await self._rack.take_vlan(_content(vlan, length), start, text)
        return {}

    @ChangeVlan.responder
    async def change_vlan(self, vlan: Content, base: Content, change: VlanChange) -> dict[str, Any]:
        await self._rack.change_vlan(vlan, base, change)
        return {}

    def _what_is_followed(self) -> dict[str, Any]:
        number, fingerprint = self._rack.holds()
        return {"generation": number, "fingerprint": fingerprint}

    @TakeTurn.responder
    async def take_turn(self, plan: str, *, ends: bool | None = None) -> dict[str, Any]:
        if self.process is None:
            raise TurnRefused("the hello is not over")
        await self._rack.take_turn(self.process, Turn(plan=plan, ends=bool(ends)))
        return {}

    @TakePartnerDown.responder
    async def take_partner_down(self, vlan: int, dead: RackId) -> dict[str, Any]:
        if self.process is None:
            raise PartnerDownRefused("the hello is not over")
        return {"mclt": await self._rack.take_partner_down(self.process, VlanId(vlan), dead)}

    @ProbeAddresses.responder
    async def probe(self, addresses: tuple[IPv4Address, ...]) -> dict[str, Any]:
        if self.process is None:
            raise ProbeRefused("the hello is not over")
        return {"answers": await self._rack.probe(self.process, addresses)}

    @EndRecoverWait.responder
    async def end_recover_wait(self, vlan: int, peer: RackId) -> dict[str, Any]:
        if self.process is None:
            raise RecoverWaitRefused("the hello is not over")
        await self._rack.end_recover_wait(self.process, VlanId(vlan), peer)
        return {}

    @PowerBmc.responder
    async def power_bmc(self, order: PowerOrder) -> dict[str, Any]:
        return {"outcome": await self._rack.power(order)}

    @ReadLeases.responder
    async def read_leases(self, asked: LeasesAsked) -> dict[str, Any]:
        return {"page": await self._rack.leases(asked)}

    @ReadServed.responder
    def read_served(self, plan: str, start: int) -> dict[str, Any]:
        piece = self._rack.served(plan, start)
        return {"plan": piece.plan, "text": piece.text, "more": piece.more}

    async def greet(self) -> ProcessId:
        """Say hello and begin to ping; gives the process at the other end once it knows us.

        NotTrusted when TLS ended the link: one of the two certificates is not right.
        """
        number, fingerprint = self._rack.holds()
        greeting = self.callRemote(
            Hello,
            protocol=PROTOCOL,
            run=self._rack.run,
            hostname=self._rack.hostname,
            generation=number,
            fingerprint=fingerprint,
            failure_domain=self._rack.failure_domain or None,
        )
        self._ping_later()  # the region may take longer over the hello than silence is allowed
        try:
            answer = await greeting
        except Exception:
            if self._why_tls_ended is not None:
                raise NotTrusted(self._why_tls_ended) from None
            raise
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
        """Tell this region what this rack's DHCP server does; one of before gets what it knows."""
        try:
            await self.callRemote(ReportDhcp, report=report)
        except amp.UnknownRemoteError:  # it could not read it, for one thing
            if as_before(report) == report:
                raise
            await self.callRemote(ReportDhcp, report=as_before(report))

    async def report_leases(self, news: LeaseNews) -> None:
        """Tell this region of new leases; one of before has nothing to write them down in.

        One that knows the command, and no leases of IPv6, cannot read it: it is told their number.
        """
        with suppress(amp.UnhandledCommand):
            try:
                await self.callRemote(ReportLeases, news=news)
            except amp.UnknownRemoteError:
                if news_as_before(news) == news:
                    raise
                await self.callRemote(ReportLeases, news=news_as_before(news))

    async def report_reach(self, reach: BmcReach) -> None:
        """Tell this region which BMCs answer this rack."""
        await self.callRemote(ReportReach, bmcs=reach.answering, unknown=reach.unknown)

    async def record_phase(self, order: OrderId, attempt: int, before: Phase, after: Phase) -> bool:
        """Ask this region to record a phase of a power order; False when it may not be."""
        step = {"before": before, "after": after}
        answer = await self.callRemote(RecordPhase, order=order, attempt=attempt, **step)
        return bool(answer["recorded"])

    async def say_goodbye(self) -> None:
        """Tell this region that the daemon is being stopped in order."""
        await self.callRemote(Goodbye)

    async def renew_certificate(self, request: bytes) -> bytes:
        """Ask for a new certificate for this rack (DER)."""
        answer = await self.callRemote(RenewCertificate, request=request)
        return bytes(answer["certificate"])

    async def _agree_on_authorities(self, told: str) -> None:
        """Trust whom this region names, and tell it so."""
        for _ in range(2):  # asked once more with what was learnt, so that the region knows it
            known = self._rack.trusted()
            answer = await self.callRemote(ListAuthorities, known=known)
            self._rack.trust(answer["authorities"])
            if self._rack.trusted() == known:
                self._agreed = told
                break

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
        asked_at, time_asked = self.clock.seconds(), self._rack.clock_watch.now()
        try:
            answer = await self.callRemote(Ping)
            self._rack.clock_watch.told(time_asked, answer["clock"])
            if self.process is None:
                return
            if answer["lease"]:
                self._rack.granted(self.process, asked_at)
            if answer["endpoints"] not in {self._listed, self._rack.known_regions()}:
                told = await self.callRemote(ListEndpoints)
                self._rack.learn_regions(self.process, told["endpoints"])
                self._listed = answer["endpoints"]
            if answer["authorities"] != self._agreed:
                await self._agree_on_authorities(answer["authorities"])
        except amp.RemoteAmpError as problem:
            self.log.warn(
                "{peer}: ping refused: {problem}", peer=self.peer_address, problem=problem
            )
        except Exception as problem:  # noqa: BLE001  every kind of lost connection
            if self.is_open:
                self.log.warn(
                    "{peer}: {problem}", peer=self.peer_address, problem=error_text(problem)
                )


def _content(sha256: str, length: int) -> Content:
    try:
        return Content(sha256=sha256, length=length)
    except ValueError as problem:
        raise ContentRefused(str(problem)) from None
