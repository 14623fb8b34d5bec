"""Makes the DHCP server of this rack be what its plan says, without a gap that its turn forbids.

A new configuration is checked at once, and applied when the region gives the rack its turn. What
was applied last is kept on disk: it is what runs when no region answers.
"""

from collections.abc import Awaitable, Callable, Sequence
from math import inf

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DhcpConfigurationRefused, PartnerDownRefused, ProgramFailed, TurnRefused
from evenrack.model.dhcp_plan import DhcpPlan, VlanService, dhcp_fingerprint
from evenrack.model.dhcp_report import DhcpReport, SideState, VlanError, VlanReport
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp_host import AppliedPlan, DhcpServer, Wanted
from evenrack.rack.failover_states import FailoverStates, KnownStates
from evenrack.rack.role_change import LATE_SECONDS, RoleChange, role_change
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0
WAIT_FOR_REGION_SECONDS = 30.0
"""A rack that starts without a DHCP server first waits for a region's newest word."""

MOST_ERROR_CHARACTERS = 500
"""dhcpd quotes what it complains of; a report with a thousand errors must fit into one command."""

FAILED_SECONDS = 60.0
"""So long a plan that did not start is not tried again."""

CHANGE_LOOK_SECONDS = 0.1
"""Between two looks while it is not known whether the peer took the other role."""


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
        self._states = FailoverStates(server, clock)
        self._waiting = ""
        self._restarting = False
        self._failed_at = float("-inf")
        self._failed = ("", float("-inf"), "")
        self._change: RoleChange | None = None
        self._took_back: dict[VlanId, float] = {}
        self.on_report: Callable[[], None] = lambda: None
        self.report = DhcpReport()
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: there is a new plan."""
        self._looking.trigger()

    async def take_turn(self, fingerprint: str, *, ends: bool = False) -> None:
        """Apply the checked plan with this fingerprint now; TurnRefused when another one waits.

        A turn that `ends` is refused also when the server could not be restarted in time.
        """
        if fingerprint and fingerprint == self._applied_name:
            return  # sent again before the region was told
        if not fingerprint or fingerprint != self._waiting or self._restarting:
            raise TurnRefused(f"what waits for its turn is {self._waiting or 'nothing'}")
        if self._failure:
            raise TurnRefused(f"it was tried a moment ago: {self._failure}")
        if self._change is not None:
            raise TurnRefused("it does not know yet what became of its last turn")
        try:
            await self._apply(self._checked, ends=ends)
        finally:
            self._looking.trigger()  # the region hears of it, whatever came of it

    async def take_partner_down(self, vlan: VlanId, dead: RackId) -> int:
        """Put the server into `partner-down` for this VLAN; gives mclt, in seconds.

        PartnerDownRefused where its partner may live, or is another rack.
        """
        service = next((each for each in self._applied if each.vlan.id == vlan), None)
        if service is None or service.peer is None or service.peer.rack != dead:
            raise PartnerDownRefused(f"this rack does not serve VLAN {vlan} with {dead}")
        if self._restarting or self._change is not None:
            raise PartnerDownRefused("its server is just restarted")
        try:
            mclt = await self._states.take_partner_down(service, self._applied)
        finally:
            self._looking.trigger()
        return mclt

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
        await self._states.ask(self._applied)
        await self._watch_change()
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
        self._change = None
        if self._applied or self._server.running():
            await self._server.stop()
            self._note_applied(())
            self.log.info("the DHCP server is stopped: this rack serves no VLAN")
        self._found((), (), {})

    async def _check(self, plan: DhcpPlan) -> None:
        """Find what of the plan can be applied: a bad VLAN keeps its last good content."""
        if dhcp_fingerprint(plan) == self._checked_for:
            return
        if self._change is None and self._is_served(plan):
            self._found(plan, plan, {})
            self._note_applied(plan)
            self._waiting = ""
            return
        applied, good, errors = self._applied, plan, dict[VlanId, str]()
        try:
            await self._server.check(plan)
        except DhcpConfigurationRefused:
            good, errors = await self._check_each(plan)
        if applied is self._applied and not self._restarting:
            self._found(plan, good, errors)  # or else the next look checks beside what is new

    def _is_served(self, plan: DhcpPlan) -> bool:
        """Tell whether the server need not restart for it: another number, a VLAN's other name."""
        return (
            len(plan) == len(self._applied)
            and all(new.same_relation(old) for new, old in zip(plan, self._applied, strict=True))
            and self._server.running()
            and self._server.serves(plan)
        )

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

    async def _apply(self, plan: DhcpPlan, *, ends: bool) -> None:
        applied, began = self._applied, self._clock.seconds()
        self._kept.keep_applied_dhcp(applied, plan)  # this daemon may end before it is done
        try:
            before = await self._start(plan, not_after=began + LATE_SECONDS if ends else inf)
        except (ProgramFailed, TurnRefused) as problem:
            self._kept.keep_applied_dhcp(applied)
            raise TurnRefused(str(problem)) from problem
        self._note_applied(plan)
        self._waiting = ""
        ended = self._clock.seconds()
        self._change = role_change(before, plan, began=began, ended=ended, ends=ends)

    async def _watch_change(self) -> None:
        """See whether the peer took the other role, and take the old one back if it did not."""
        if self._change is None:
            return
        missing = self._change.missing(self._states.known, self._applied)
        if not missing:
            self._change, self._checked_for = None, ""  # a plan that came meanwhile is looked at
            self._looking.trigger()
        elif self._clock.seconds() < self._change.until:
            self._looking.trigger_in(CHANGE_LOOK_SECONDS)
        else:
            await self._go_back(self._change, missing)

    async def _go_back(self, change: RoleChange, missing: list[VlanId]) -> None:
        now, why = self._clock.seconds(), change.words(missing)
        self.log.warn("the DHCP server {why}", why=why)
        self._failed = (dhcp_fingerprint(self._applied), now, why)
        self._took_back = dict.fromkeys(missing, now)
        self._change, self._checked_for = None, ""
        try:
            await self._start(change.before.plan, change.before)
        except ProgramFailed as problem:
            self.log.warn("the DHCP server does not obey: {problem}", problem=str(problem))
        else:
            self._note_applied(change.before.plan)
            self._looking.trigger()  # the plan that it went back from waits again

    async def _start(
        self, plan: DhcpPlan, before: KnownStates | None = None, *, not_after: float = inf
    ) -> KnownStates:
        """Restart the server, and put its pairs back into the states that they had: gives those."""
        self._restarting = True
        try:
            if before is None:
                before = await self._states.before_stop(self._applied)
            names = await self._names_of(plan)
            if self._clock.seconds() > not_after:
                raise TurnRefused("it came too late: the peer may take its role back")
            await self._restart(plan, names)
            await self._states.put_back(plan, before)
        except ProgramFailed:
            self._failed_at = self._clock.seconds()
            if before is not None and self._server.running():  # restarted, with what it served
                await self._states.put_back(self._applied, before)
            raise
        finally:
            self._restarting = False
        return before

    async def _names_of(self, plan: DhcpPlan) -> list[str]:
        """Give the interfaces that a plan serves on."""
        interfaces = await self._interfaces()
        names = {str(each.address.ip): each.name for each in interfaces}
        found = [names.get(str(service.address)) for service in plan]
        return sorted({name for name in found if name is not None})

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

    def _lately_taken_back(self) -> list[VlanId]:
        now, took = self._clock.seconds(), self._took_back.items()
        return [vlan for vlan, at in took if now - at < FAILED_SECONDS]

    def _has_just_failed(self) -> bool:
        """Tell whether a start failed a moment ago: each may cost what is served a restart."""
        return self._clock.seconds() - self._failed_at < LOOK_SECONDS

    def _note_applied(self, plan: DhcpPlan) -> None:
        self._applied = plan
        self._kept.keep_applied_dhcp(plan)
        self.log.info(
            "serves {vlans}",
            vlans=", ".join(f"{service.vlan.name} ({service.role})" for service in plan) or "none",
        )

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
            changing=self._change is not None,
            took_back=tuple(self._lately_taken_back()),
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
            state = "alone" if service.peer is None else self._states.of(service.vlan.id)
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
