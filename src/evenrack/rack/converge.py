"""Makes the DHCP server of this rack be what its plan says, without a gap that its turn forbids.

A new configuration is checked at once, and applied when the region gives the rack its turn. What
was applied last is kept on disk: it is what runs when no region answers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import (
    DhcpConfigurationRefused,
    DhcpServerSilent,
    ProgramFailed,
    TurnRefused,
)
from evenrack.model.dhcp_plan import DhcpPlan, VlanService, dhcp_fingerprint
from evenrack.model.dhcp_report import DhcpReport, SideState, VlanError, VlanReport
from evenrack.model.identifiers import VlanId
from evenrack.model.interface_list import Interface
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0
WAIT_FOR_REGION_SECONDS = 30.0
"""A rack that starts without a DHCP server first waits for a region's newest word."""

MOST_ERROR_CHARACTERS = 500
"""dhcpd quotes what it complains of; a report with a thousand errors must fit into one command."""

FAILED_SECONDS = 60.0
"""So long a plan that did not start is not tried again."""

PUT_BACK = frozenset({"communications-interrupted", "partner-down"})
"""States of a server whose peer is away. One that restarts in them would serve nobody for 15 s."""


class DhcpServer(Protocol):
    """The DHCP server of this host (`rack.dhcp.server`)."""

    def running(self) -> bool:
        """Tell whether it runs, whoever started it."""

    async def check(self, plan: DhcpPlan) -> None:
        """Try a configuration; DhcpConfigurationRefused says what is wrong with it."""

    async def restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        """Serve this from now on; ProgramFailed when it does not come up, and the old one does."""

    def serves(self, plan: DhcpPlan) -> bool:
        """Tell whether it was last started with this."""

    async def stop(self) -> None:
        """Serve nothing."""

    async def states(self, plan: DhcpPlan) -> Mapping[VlanId, SideState]:
        """Ask for the failover state of each VLAN that has a peer; DhcpServerSilent."""

    async def put_back(self, service: VlanService, state: SideState) -> None:
        """Bring a restarted server back into the state that it had; DhcpServerSilent."""


class AppliedPlan(Protocol):
    """What was applied last, kept over restarts."""

    def applied_dhcp(self) -> tuple[DhcpPlan, ...]:
        """Give what was remembered last: one plan, or two when the change was not finished."""

    def keep_applied_dhcp(self, *plans: DhcpPlan) -> None:
        """Remember the plan that is applied, or the one before and the one that is coming."""


@frozen(kw_only=True)
class Wanted:
    """What the newest plan says, and whether a region stands behind it."""

    plan: DhcpPlan
    from_region: bool
    """A region manages this rack now, so the plan is its newest word or will be in a moment."""


class Converge(MultiService):
    """Looks each second and whenever something may have changed."""

    log = Logger()

    def __init__(
        self,
        server: DhcpServer,
        applied: AppliedPlan,
        wanted: Callable[[], Wanted],
        interfaces: Callable[[], Awaitable[tuple[Interface, ...]]],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._server = server
        self._kept = applied
        remembered = applied.applied_dhcp()
        self._applied = _really_applied(remembered, server)
        if len(remembered) > 1:  # now it is known, and a later rackd may render it in other words
            applied.keep_applied_dhcp(self._applied)
        self._wanted = wanted
        self._interfaces = interfaces
        self._clock = clock
        self._waits_until = clock.seconds() + WAIT_FOR_REGION_SECONDS
        self._checked: DhcpPlan = ()
        self._checked_for = ""
        self._errors: dict[VlanId, str] = {}
        self._states: Mapping[VlanId, SideState] = {}
        self._waiting = ""
        self._restarting = False
        self._failed_at = float("-inf")
        self._failed = ("", float("-inf"), "")
        self.on_report: Callable[[], None] = lambda: None
        self.report = DhcpReport()
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: there is a new plan."""
        self._looking.trigger()

    async def take_turn(self, fingerprint: str) -> None:
        """Apply the checked plan with this fingerprint now; TurnRefused when another one waits."""
        if fingerprint and fingerprint == self._applied_name:
            return  # sent again before the region was told
        if not fingerprint or fingerprint != self._waiting or self._restarting:
            raise TurnRefused(f"what waits for its turn is {self._waiting or 'nothing'}")
        if self._failure:
            raise TurnRefused(f"it did not start a moment ago: {self._failure}")
        try:
            await self._apply(self._checked)
        finally:
            self._looking.trigger()  # the region hears of it, whatever came of it

    async def _look(self) -> None:
        if self._restarting:
            return
        wanted = self._wanted()
        try:
            if wanted.from_region:
                self._waits_until = float("-inf")  # its word is known from now on
                await self._follow(wanted.plan)
            elif self._clock.seconds() >= self._waits_until:
                await self._keep_running()
        except ProgramFailed as problem:
            self.log.warn("the DHCP server does not obey: {problem}", problem=str(problem))
        await self._ask_states()
        self._tell()

    async def _follow(self, plan: DhcpPlan) -> None:
        if not plan:
            self._waiting = ""
            await self._serve_nothing()
            return
        await self._keep_running()
        if self._is_applied(plan):
            self._waiting = ""
            if plan == self._applied:
                self._found(plan, plan, {})
            return
        await self._check(plan)
        if self._checked_for == dhcp_fingerprint(plan) and not self._is_applied(plan):
            self._waiting = self._checked_for

    def _is_applied(self, plan: DhcpPlan) -> bool:
        """Tell whether this plan is served, as far as it can be."""
        if plan == self._applied:
            return True
        return dhcp_fingerprint(plan) == self._checked_for and self._checked == self._applied

    async def _keep_running(self) -> None:
        """Start the server again when it should run and does not: nobody's service is harmed."""
        if self._restarting or not self._applied or self._server.running():
            return
        if self._has_just_failed():
            return
        self.log.warn("the DHCP server does not run: starting it")
        try:
            await self._start(self._applied)
        except ProgramFailed as problem:
            self.log.warn("the DHCP server does not start: {problem}", problem=str(problem))

    async def _serve_nothing(self) -> None:
        if self._applied or self._server.running():
            await self._server.stop()
            self._note_applied(())
            self.log.info("the DHCP server is stopped: this rack serves no VLAN")
        self._found((), (), {})

    async def _check(self, plan: DhcpPlan) -> None:
        """Find what of the plan can be applied: a bad VLAN keeps its last good content."""
        if dhcp_fingerprint(plan) == self._checked_for:
            return
        applied, good, errors = self._applied, plan, dict[VlanId, str]()
        try:
            await self._server.check(plan)
        except DhcpConfigurationRefused:
            good, errors = await self._check_each(plan)
        if applied is self._applied and not self._restarting:
            self._found(plan, good, errors)  # or else the next look checks beside what is new

    async def _check_each(self, plan: DhcpPlan) -> tuple[DhcpPlan, dict[VlanId, str]]:
        """Check the new content of each VLAN beside what is good: a bad one harms no other."""
        wanted = {service.vlan.id for service in plan}
        good = {it.vlan.id: it for it in self._applied if it.vlan.id in wanted}
        errors: dict[VlanId, str] = {}
        for service in plan:
            tried = {**good, service.vlan.id: service}
            try:
                await self._server.check(tuple(tried[vlan] for vlan in sorted(tried)))
            except DhcpConfigurationRefused as problem:
                errors[service.vlan.id] = str(problem)[:MOST_ERROR_CHARACTERS]
            else:
                good = tried
        return tuple(good[vlan] for vlan in sorted(good)), errors

    def _found(self, plan: DhcpPlan, good: DhcpPlan, errors: dict[VlanId, str]) -> None:
        """Note what of a plan can be applied."""
        self._checked, self._checked_for = good, dhcp_fingerprint(plan)
        self._errors = errors

    async def _apply(self, plan: DhcpPlan) -> None:
        self._kept.keep_applied_dhcp(self._applied, plan)  # this daemon may end before it is done
        try:
            await self._start(plan)
        except ProgramFailed as problem:
            self._kept.keep_applied_dhcp(self._applied)
            raise TurnRefused(str(problem)) from problem
        self._note_applied(plan)
        self._waiting = ""

    async def _start(self, plan: DhcpPlan) -> None:
        self._restarting = True
        before = dict(self._states)
        try:
            interfaces = await self._interfaces()
            names = {str(each.address.ip): each.name for each in interfaces}
            found = [names.get(str(service.address)) for service in plan]
            await self._restart(plan, sorted({name for name in found if name is not None}))
            await self._put_all_back(plan, before)
        except ProgramFailed:
            self._failed_at = self._clock.seconds()
            if self._server.running():  # with what it served before, and it was restarted for that
                await self._put_all_back(self._applied, before)
            raise
        finally:
            self._restarting = False

    async def _restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        try:
            await self._server.restart(plan, interfaces)
        except ProgramFailed as problem:
            if plan != self._applied:
                why = str(problem)[:MOST_ERROR_CHARACTERS]
                self._failed = (dhcp_fingerprint(plan), self._clock.seconds(), why)
            raise

    @property
    def _failure(self) -> str:
        """Why what waits did not start a moment ago: trying costs what is served two restarts."""
        name, at, why = self._failed
        lately = self._clock.seconds() - at < FAILED_SECONDS
        if not (name and lately and self._applied):
            return ""
        return why if name == dhcp_fingerprint(self._checked) else ""

    async def _put_all_back(self, plan: DhcpPlan, before: Mapping[VlanId, SideState]) -> None:
        for service in plan:
            if before.get(service.vlan.id) in PUT_BACK and _same_peer(service, self._applied):
                await self._put_back(service, before[service.vlan.id])

    def _has_just_failed(self) -> bool:
        """Tell whether a start failed a moment ago: each may cost what is served a restart."""
        return self._clock.seconds() - self._failed_at < LOOK_SECONDS

    async def _put_back(self, service: VlanService, state: SideState) -> None:
        try:
            await self._server.put_back(service, state)
        except DhcpServerSilent as problem:
            self.log.warn(
                "{vlan} could not be put back into {state}: {problem}",
                vlan=service.vlan.name,
                state=state,
                problem=str(problem),
            )

    def _note_applied(self, plan: DhcpPlan) -> None:
        self._applied = plan
        self._kept.keep_applied_dhcp(plan)
        self.log.info(
            "serves {vlans}",
            vlans=", ".join(f"{service.vlan.name} ({service.role})" for service in plan) or "none",
        )

    async def _ask_states(self) -> None:
        if not self._applied:
            self._states = {}
            return
        if not self._server.running():
            return  # it keeps the state that it had: it is put back into it when it starts
        try:
            self._states = await self._server.states(self._applied)
        except DhcpServerSilent:
            self._states = {}

    @property
    def _applied_name(self) -> str:
        """Name the plan that is served, as far as it can be, with its fingerprint."""
        if self._checked_for and self._checked == self._applied:
            return self._checked_for
        return dhcp_fingerprint(self._applied)

    def _tell(self) -> None:
        running = self._server.running()
        report = DhcpReport(
            applied=self._applied_name,
            waiting=self._waiting,
            failed=self._failure if self._waiting else "",
            running=running,
            vlans=tuple(self._report_of(service, running=running) for service in self._applied),
            errors=tuple(
                VlanError(vlan=vlan, error=error) for vlan, error in sorted(self._errors.items())
            ),
        )
        if report != self.report:
            self.report = report
            self.on_report()

    def _report_of(self, service: VlanService, *, running: bool) -> VlanReport:
        state: SideState = "down"
        if running:
            of_pair = self._states.get(service.vlan.id, "unknown")
            state = "alone" if service.peer is None else of_pair
        return VlanReport(
            vlan=service.vlan.id,
            number=service.number,
            role=service.role,
            peer=None if service.peer is None else service.peer.rack,
            address=service.address,
            peer_address=None if service.peer is None else service.peer.address,
            state=state,
        )


def _really_applied(remembered: tuple[DhcpPlan, ...], server: DhcpServer) -> DhcpPlan:
    """Find which plan the server was started with when the last change was not finished."""
    served = [plan for plan in remembered if server.serves(plan)]
    return next(iter([*served, *remembered]), ())


def _same_peer(service: VlanService, applied: DhcpPlan) -> bool:
    """Tell whether it has the peer that it had."""
    return any(
        before.vlan.id == service.vlan.id and before.peer == service.peer for before in applied
    )
