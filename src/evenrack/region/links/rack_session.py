"""The region's end of a link to a rack: who it is the certificate says; then hello, then work.

One port, two rooms: who has no certificate may enrol and nothing else, who has one may do
everything else and not enrol.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from ipaddress import IPv4Address
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from evenrack.errors import (
    DatabaseUnreachable,
    EnrolmentRefused,
    NotTrusted,
    RackIdentityInUse,
    TooManyLinks,
    VersionRefused,
)
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_probe import ProbeAnswer
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.dhcp_roles import Turn
from evenrack.model.fleet_number import BEFORE_ALL, FleetNumber
from evenrack.model.identifiers import BmcId, LinkId, OrderId, ProcessId, RackId, RunId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews
from evenrack.model.power import BmcReach, Phase, PowerOrder, PowerOutcome
from evenrack.model.rack_plan import RackPlan
from evenrack.model.region_endpoints import RegionEndpoints, endpoints_fingerprint
from evenrack.model.served_piece import ServedPiece
from evenrack.region.links.connected_racks import RackLink
from evenrack.region.links.doorkeeper import Application, Doorkeeper
from evenrack.region.links.plan_delivery import Changes, deliver, is_large
from evenrack.region.links.refusals import Refusals
from evenrack.region.links.strangers import Strangers
from evenrack.trust.tls import Peer
from evenrack.wire.rack_commands import (
    ApplyPlan,
    EndRecoverWait,
    PowerBmc,
    ProbeAddresses,
    ReadLeases,
    ReadServed,
    TakePartnerDown,
    TakeTurn,
)
from evenrack.wire.region_commands import (
    Enrol,
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
from evenrack.wire.version import OLDEST_RACK_PROTOCOL, PLANS_IN_PARTS, PROTOCOL, order_for, too_old

GREETING_SECONDS = 5.0
"""A peer that has not finished its handshake and said hello by then is cut."""

MOST_BYTES_OF_STRANGER = 16 * 1024
"""Of one box, from whoever is not known to be a rack yet."""

MOST_BYTES_OF_RACK = 1024 * 1024
"""Of one box: more than any report of a rack has."""

MOST_PENDING_OF_RACK = 100
"""Commands that wait for their answers: more than a rack ever has."""

_TOLD_SECONDS = 0.5
"""So long a rack that enrolled has to take its answer and leave."""


@frozen(kw_only=True)
class Reception:
    """What a session needs of its process."""

    process: ProcessId
    doorkeeper: Doorkeeper
    token_bytes: Callable[[int], bytes]
    clock: IReactorTime
    silence_seconds: float
    refusals: Refusals
    strangers: Strangers
    admit: Callable[[RackLink], Awaitable[None]]
    gone: Callable[[RackLink], None]
    cloned: Callable[[RackId, str, str], Awaitable[None]]
    lost: Callable[[RackId, LinkId], Awaitable[None]]
    goodbye: Callable[[RackId, RunId], Awaitable[None]]
    interfaces: Callable[[RackLink, tuple[Interface, ...]], Awaitable[None]]
    dhcp: Callable[[RackLink, DhcpReport], Awaitable[None]]
    new_leases: Callable[[RackLink, LeaseNews], Awaitable[None]]
    bmc_reach: Callable[[RackLink, BmcReach], Awaitable[None]]
    record_phase: Callable[[RackId, OrderId, int, tuple[Phase, Phase]], Awaitable[bool]]
    grants_lease: Callable[[RackLink], bool]
    endpoints: Callable[[], RegionEndpoints]
    database_clock: Callable[[], datetime | None]


class RackSession(LinkEnd):
    """Answers one rack, or one that would like to join; everybody else is cut."""

    def __init__(self, reception: Reception) -> None:
        super().__init__(
            reception.clock,
            silence_seconds=reception.silence_seconds,
            most_box_bytes=MOST_BYTES_OF_STRANGER,
            most_pending=MOST_PENDING_OF_RACK,
        )
        self._reception = reception
        self._peer: Peer | None = None
        self._applied = False
        self._greeted = False
        self._is_admitted = False
        self._greeting_check: IDelayedCall | None = None
        self.link = LinkId(reception.token_bytes(8).hex())
        self.rack = RackId("")
        self.run = RunId("")
        self.hostname = ""
        self.protocol = 0
        self.holds = BEFORE_ALL
        self.holds_fingerprint = ""
        self.failure_domain = ""

    def connectionMade(self) -> None:
        super().connectionMade()
        self._reception.strangers.came(self)
        self._greeting_check = self.clock.callLater(GREETING_SECONDS, self._check_greeting)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reception.strangers.left(self)
        self._expect_no_greeting()
        why = self._reception.doorkeeper.why_ended(self.transport, reason)
        super().connectionLost(reason)
        if self._greeted:
            self._reception.gone(self)
        elif why is not None:
            self._reception.refusals.refused(self.peer_address, why)

    def cut(self, reason: str) -> None:
        """End the link now; of those who never said who they are, each host is logged once."""
        if self._greeted:
            super().cut(reason)
        elif self.is_open and not self.is_cut:
            self._reception.refusals.refused(self.peer_address, reason)
            self.abort()

    def locateResponder(self, name: bytes) -> Callable[[Any], Deferred[Any]] | None:
        """Find the answer to a command; a peer that is not so far is cut."""
        if self.is_cut:
            return None
        if not self._is_turn_of(name):
            self._reception.refusals.refused(self.peer_address, self._why_not())
            self.abort()  # at once: not even "unknown command" is answered
            return None
        return super().locateResponder(name)

    def _is_turn_of(self, name: bytes) -> bool:
        if self._peer is None:  # the handshake is over: there is a command
            self._peer = self._reception.doorkeeper.peer(self.transport)
            self.rack = self._peer.rack or RackId("")
        if self._peer.rack is None:
            return name == Enrol.commandName and not self._applied
        if name == Hello.commandName:
            return not self._greeted
        if name == Ping.commandName:
            return self._greeted  # also while the hello waits for its row
        return self._is_admitted and name != Enrol.commandName

    @property
    def peer(self) -> Peer:
        """Give who is at the other end, once it sent a command (`connected_racks.RackLink`)."""
        return self._peer or Peer(rack=None)

    def _why_not(self) -> str:
        """Say why a command was not this peer's to send."""
        if self._peer is None or self._peer.rack is None:
            return "has no certificate, and did not come to enrol: `evenrack-rackd register`"
        return "sent a command out of turn"

    @Enrol.responder
    async def enrol(
        self, lookup: str, request: bytes, proof: bytes, hostname: str
    ) -> dict[str, bytes]:
        self._applied = True
        self._expect_no_greeting()
        self.allow_silence()  # a newcomer does not ping, and signing may take the database a while
        application = Application(
            lookup=lookup,
            request=request,
            proof=proof,
            hostname=hostname,
            peer_address=self.peer_address,
        )
        try:
            enrolled = await self._reception.doorkeeper.enrol(application, self.transport)
        except EnrolmentRefused as refusal:
            self._reception.refusals.refused(self.peer_address, str(refusal))
            raise
        finally:
            if self.is_open:
                self._greeting_check = self.clock.callLater(_TOLD_SECONDS, self.close)
        return {
            "certificate": enrolled.certificate,
            "authorities": enrolled.authorities,
            "proof": enrolled.proof,
        }

    @Hello.responder
    async def hello(
        self,
        *,
        protocol: int,
        run: str,
        hostname: str,
        generation: FleetNumber,
        fingerprint: str,
        failure_domain: str | None = None,
    ) -> dict[str, str]:
        if self._reception.doorkeeper.is_revoked(self.peer):
            revoked = f"the certificate of rack {self.rack} was revoked"
            self._refuse(revoked)
            raise NotTrusted(f"{revoked}; an operator may let it enrol again")
        if not OLDEST_RACK_PROTOCOL <= protocol <= PROTOCOL:
            reason = (
                f"speaks version {protocol}, this region {OLDEST_RACK_PROTOCOL} to {PROTOCOL}: "
                "upgrade regions first, then racks"
            )
            self._refuse(reason)
            raise VersionRefused(reason)
        self.run, self.hostname, self.protocol = RunId(run), hostname, protocol
        self.holds, self.holds_fingerprint = generation, fingerprint
        self.failure_domain = failure_domain or ""
        self._greeted = True
        self.most_box_bytes = MOST_BYTES_OF_RACK
        self._reception.strangers.left(self)
        self._expect_no_greeting()  # said; how long the answer takes is our affair
        await self._admitted()
        return {"process": self._reception.process, "link": self.link}

    @Ping.responder
    def ping(self) -> dict[str, object]:
        return {
            "lease": self._reception.grants_lease(self),
            "endpoints": endpoints_fingerprint(self._reception.endpoints()),
            "authorities": self._reception.doorkeeper.fingerprint,
            "clock": self._reception.database_clock(),
        }

    @ListAuthorities.responder
    async def list_authorities(self, known: str) -> dict[str, bytes]:
        return {"authorities": await self._reception.doorkeeper.authorities(self.rack, known)}

    @RenewCertificate.responder
    async def renew_certificate(self, request: bytes) -> dict[str, bytes]:
        return {"certificate": await self._reception.doorkeeper.renew(self.peer, request)}

    @ListEndpoints.responder
    def list_endpoints(self) -> dict[str, RegionEndpoints]:
        return {"endpoints": self._reception.endpoints()}

    @ReportLostLink.responder
    async def report_lost_link(self, link: str) -> dict[str, object]:
        await self._reception.lost(self.rack, LinkId(link))
        return {}

    @Goodbye.responder
    async def goodbye(self) -> dict[str, object]:
        await self._reception.goodbye(self.rack, self.run)
        return {}

    @ReportInterfaces.responder
    async def report_interfaces(self, interfaces: tuple[Interface, ...]) -> dict[str, object]:
        await self._reception.interfaces(self, interfaces)
        return {}

    @ReportDhcp.responder
    async def report_dhcp(self, report: DhcpReport) -> dict[str, object]:
        await self._reception.dhcp(self, report)
        return {}

    @ReportLeases.responder
    async def report_leases(self, news: LeaseNews) -> dict[str, object]:
        await self._reception.new_leases(self, news)
        return {}

    @ReportReach.responder
    async def report_reach(
        self, bmcs: tuple[BmcId, ...], unknown: tuple[BmcId, ...] | None
    ) -> dict[str, object]:
        reach = BmcReach(answering=bmcs, unknown=unknown or ())
        await self._reception.bmc_reach(self, reach)
        return {}

    @RecordPhase.responder
    async def record_phase(
        self, order: int, attempt: int, before: Phase, after: Phase
    ) -> dict[str, bool]:
        step = (before, after)
        may = await self._reception.record_phase(self.rack, OrderId(order), attempt, step)
        return {"recorded": may}

    async def apply_plan(
        self, plan: RackPlan, changes: Changes | None = None
    ) -> tuple[FleetNumber, str]:
        """Send a plan and note what the rack follows now (`connected_racks.RackLink`)."""
        if self.protocol >= PLANS_IN_PARTS and is_large(plan):
            self.holds, self.holds_fingerprint = await deliver(self.callRemote, plan, changes or {})
            return self.holds, self.holds_fingerprint
        answer = await self.callRemote(ApplyPlan, plan=plan)
        self.holds, self.holds_fingerprint = answer["generation"], answer["fingerprint"]
        return self.holds, self.holds_fingerprint

    async def take_turn(self, turn: Turn) -> None:
        """Let the rack restart its DHCP server (`connected_racks.RackLink`)."""
        await self.callRemote(TakeTurn, plan=turn.plan, ends=turn.ends)

    async def take_partner_down(self, vlan: VlanId, dead: RackId) -> int:
        """Let the rack's server take its partner for dead (`connected_racks.RackLink`)."""
        answer = await self.callRemote(TakePartnerDown, vlan=vlan, dead=dead)
        return int(answer["mclt"])

    async def probe(self, addresses: Sequence[IPv4Address]) -> tuple[ProbeAnswer, ...]:
        """Ask the rack whether these hosts run (`connected_racks.RackLink`)."""
        answer = await self.callRemote(ProbeAddresses, addresses=tuple(addresses))
        return tuple(answer["answers"])

    async def end_recover_wait(self, vlan: VlanId, peer: RackId) -> None:
        """Let the rack's server serve without waiting (`connected_racks.RackLink`)."""
        await self.callRemote(EndRecoverWait, vlan=vlan, peer=peer)

    async def power_bmc(self, order: PowerOrder) -> PowerOutcome:
        """Let the rack carry out a power order (`connected_racks.RackLink`)."""
        told = order_for(self.protocol, order)
        if told is None:
            return too_old(self.protocol, order, self.hostname)
        outcome: PowerOutcome = (await self.callRemote(PowerBmc, order=told))["outcome"]
        return outcome

    async def read_leases(self, asked: LeasesAsked) -> LeasePage:
        """Ask the rack what its DHCP server wrote down (`connected_racks.RackLink`)."""
        page: LeasePage = (await self.callRemote(ReadLeases, asked=asked))["page"]
        return page

    async def read_served(self, plan: str, start: int) -> ServedPiece:
        """Ask the rack for a piece of what it serves (`connected_racks.RackLink`)."""
        return ServedPiece(**await self.callRemote(ReadServed, plan=plan, start=start))

    async def _admitted(self) -> None:
        try:
            await self._reception.admit(self)
        except TooManyLinks as refusal:
            self._greeted = False  # it was never one of the rack's links
            self._refuse(str(refusal))
            raise
        except RackIdentityInUse as refusal:
            if self.is_open:
                await self._tell_of_clone(refusal)
            raise
        self._is_admitted = True
        self._reception.refusals.welcomed(self.peer_address)
        self._reception.strangers.rack_came_from(self.rack, self.peer_address)

    async def _tell_of_clone(self, refusal: RackIdentityInUse) -> None:
        # Without the addresses of the refusal: their ports would make each try another reason.
        self._reception.refusals.refused(
            self.peer_address, f"says that it is rack {self.rack}, which is connected and answers"
        )
        try:
            await self._reception.cloned(self.rack, self.peer_address, str(refusal))
        except DatabaseUnreachable:
            pass  # it comes again
        finally:
            self.clock.callLater(0.1, self.cut, "its identity is another's")  # after the answer

    def _refuse(self, reason: str) -> None:
        self._reception.refusals.refused(self.peer_address, reason)
        self.clock.callLater(0, self.close)  # after the answer that says so

    def _expect_no_greeting(self) -> None:
        if self._greeting_check is not None and self._greeting_check.active():
            self._greeting_check.cancel()

    def _check_greeting(self) -> None:
        self.cut(f"said no hello within {GREETING_SECONDS:.0f} s")
