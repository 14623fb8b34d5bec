"""Makes the DHCP server of this rack be what its plan says, without a gap that its turn forbids.

A new configuration is checked at once, and applied when the region gives the rack its turn. What
was applied last is kept on disk: it is what runs when no region answers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from math import inf

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import (
    DhcpConfigurationRefused,
    PartnerBehind,
    PartnerDownRefused,
    ProgramFailed,
    RecoverWaitRefused,
    TurnRefused,
)
from evenrack.model.dhcp_plan import DhcpPlan, vlans_of
from evenrack.model.dhcp_report import DhcpReport, VlanError
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.rack.dhcp_host import AppliedPlan, DhcpServer, Wanted, really_applied
from evenrack.rack.failed_tries import FailedTries
from evenrack.rack.failover_states import FailoverStates, KnownStates
from evenrack.rack.good_part import MOST_ERROR_CHARACTERS, good_part
from evenrack.rack.hand_over import HandOver, given_away
from evenrack.rack.hosts_in_step import HostsInStep
from evenrack.rack.interfaces import names_with
from evenrack.rack.plan_names import PlanNames
from evenrack.rack.role_change import LATE_SECONDS, RoleChange, role_change
from evenrack.rack.still_its_own import still_its_own
from evenrack.rack.vlan_reports import vlan_reports
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0
WAIT_FOR_REGION_SECONDS = 30.0
"""A rack that starts without a DHCP server first waits for a region's newest word."""

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
        self._applied = really_applied(remembered, server)
        self._is_kept = len(remembered) <= 1
        self._names = PlanNames()
        self._names.of(self._applied)  # while nobody waits
        other = next((plan for plan in remembered if plan is not self._applied), None)
        self._hosts = HostsInStep(server, applied, self._names, wanted, clock, half_way=other)
        self._wanted = wanted
        self._interfaces = interfaces
        self._clock = clock
        self._waits_until = clock.seconds() + WAIT_FOR_REGION_SECONDS
        self._checked: DhcpPlan = ()
        self._checked_for = ""
        self._errors: Mapping[VlanId, str] = {}
        self._states = FailoverStates(server, clock)
        self._hand_over = HandOver(server, clock)
        self._waiting = ""
        self._restarting = False
        self._failed_at = float("-inf")
        self._tries = FailedTries()
        self._change: RoleChange | None = None
        self.on_report: Callable[[], None] = lambda: None
        self.report = DhcpReport()
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    @property
    def applied(self) -> DhcpPlan:
        """Give what the server was last started with: what it serves, while it runs."""
        return self._applied

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
        if self._hosts.busy:
            raise TurnRefused("its server is just told of reservations")
        try:
            await self._apply(self._checked, ends=ends)
        finally:
            self._looking.trigger()  # the region hears of it, whatever came of it

    async def take_partner_down(self, vlan: VlanId, dead: RackId) -> int:
        """Put the server into `partner-down` for this VLAN; gives mclt, in seconds.

        PartnerDownRefused where its partner may live, or is another rack.
        """
        if self._restarting or self._change is not None:
            raise PartnerDownRefused("its server is just restarted")
        try:
            return await self._states.take_partner_down(vlan, dead, self._applied)
        finally:
            self._looking.trigger()

    async def end_recover_wait(self, vlan: VlanId, peer: RackId) -> None:
        """Let the server serve this VLAN without waiting for mclt; RecoverWaitRefused."""
        if self._restarting:
            raise RecoverWaitRefused("its server is just restarted")
        try:
            await self._states.end_recover_wait(vlan, peer, self._applied)
        finally:
            self._looking.trigger()

    async def _look(self) -> None:
        if self._restarting:
            return
        if not self._is_kept:  # now it is known, and a later rackd may render it in other words
            self._is_kept = True
            await self._kept.keep_applied_dhcp(self._applied)
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
        await self._keep_running(plan)
        await self._tell_hosts(plan)
        if self._is_applied(plan):
            self._waiting = ""
            if self._names.same(plan, self._applied):
                self._found(plan, plan, {})
            return
        await self._check(plan)
        if self._checked_for == self._names.of(plan) and not self._is_applied(plan):
            self._waiting = self._checked_for

    async def _tell_hosts(self, plan: DhcpPlan) -> None:
        """Follow without a restart where only reservations changed."""
        if self._restarting or self._change is not None or not self._server.running():
            return
        await self._hosts.take_back(self._applied)
        if self._is_applied(plan):
            return
        applied = self._applied
        coming = await self._hosts.what_follows(applied, plan)
        if coming is applied or applied is not self._applied or self._restarting:
            return
        if (told := await self._hosts.tell(applied, coming)) is not applied:
            await self._note_applied(told)

    def _is_applied(self, plan: DhcpPlan) -> bool:
        """Tell whether this plan is served, as far as it can be."""
        if self._names.same(plan, self._applied):
            return True
        is_checked = self._names.of(plan) == self._checked_for
        return is_checked and self._names.same(self._checked, self._applied)

    async def _keep_running(self, newest: DhcpPlan | None = None) -> None:
        """Start the server again when it should run and does not: nobody's service is harmed."""
        if self._is_down() and self._change is None and (newest or self._waits_until > -inf):
            await self._leave_what_others_serve(newest)
        if not self._is_down() or self._clock.seconds() - self._failed_at < LOOK_SECONDS:
            return  # each start that fails may cost what is served a restart
        self.log.warn("the DHCP server does not run: starting it")
        try:
            await self._start(self._applied)
        except ProgramFailed as problem:
            self.log.warn("the DHCP server does not start: {problem}", problem=str(problem))

    def _is_down(self) -> bool:
        """Tell whether the server should run and does not."""
        return bool(self._applied) and not (self._restarting or self._server.running())

    async def _leave_what_others_serve(self, newest: DhcpPlan | None) -> None:
        left = still_its_own(self._applied, newest)
        if left != self._applied:
            self.log.warn(
                "others may serve some by now: {n} VLANs less", n=len(self._applied) - len(left)
            )
            await self._note_applied(left)
            self._checked_for = ""

    async def _serve_nothing(self) -> None:
        self._change = None
        if self._applied or self._server.running():
            with suppress(TurnRefused):  # it has to stop, whatever its partners know
                await self._before_stop(())
            await self._server.stop()
            await self._note_applied(())
            self.log.info("the DHCP server is stopped: this rack serves no VLAN")
        self._found((), (), {})

    async def _check(self, plan: DhcpPlan) -> None:
        """Find what of the plan can be applied: a bad VLAN keeps its last good content."""
        if self._names.of(plan) == self._checked_for:
            return
        await self._server.prepare(plan)
        if self._restarting:
            return  # the next look sees what came of it
        if self._change is None and self._is_served(plan):
            self._found(plan, plan, {})
            self._waiting = ""
            await self._note_applied(plan)
            return
        applied, good = self._applied, plan
        errors: Mapping[VlanId, str] = {}
        try:
            await self._server.check(plan)
        except DhcpConfigurationRefused:
            good, errors = await good_part(self._server, plan, applied)
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

    def _found(self, plan: DhcpPlan, good: DhcpPlan, errors: Mapping[VlanId, str]) -> None:
        """Note what of a plan can be applied."""
        self._checked, self._checked_for = good, self._names.of(plan)
        self._errors = errors

    async def _apply(self, plan: DhcpPlan, *, ends: bool) -> None:
        applied, began = self._applied, self._clock.seconds()
        self._restarting, self._is_kept = True, True
        try:
            await self._kept.keep_applied_dhcp(applied, plan)  # this daemon may end before the end
            before = await self._start(plan, not_after=began + LATE_SECONDS if ends else inf)
        except (ProgramFailed, TurnRefused) as problem:
            if isinstance(problem, PartnerBehind):
                self._tries.note(self._names.of(plan), str(problem), self._clock.seconds())
            await self._kept.keep_applied_dhcp(applied)
            raise TurnRefused(str(problem)) from problem
        finally:
            self._restarting = False
        self._waiting = ""
        ended = self._clock.seconds()
        self._change = role_change(before, plan, began=began, ended=ended, ends=ends)
        await self._note_applied(plan)

    async def _before_stop(self, plan: DhcpPlan) -> KnownStates:
        """Let partners hear of all in what this plan takes from the server; TurnRefused.

        Gives the states to put back after its restart.
        """
        known = await self._states.before_stop(self._applied)
        known.refuse_while_heard(plan)
        given = given_away(known, plan)
        await self._hand_over.give(given, plan)
        return known.after_pause(given)

    async def _watch_change(self) -> None:
        """See whether the peer took the other role, and take the old one back if it did not."""
        change, known, now = self._change, self._states.known, self._clock.seconds()
        if change is None:
            await self._hand_over.go_on(known)
            return
        meeting = await self._hand_over.meet(change, known)
        missing = change.missing(known, self._applied)
        if (missing or meeting) and change.has_time(now, met=bool(meeting)):
            self._looking.trigger_in(CHANGE_LOOK_SECONDS)
        elif missing and not meeting:
            await self._go_back(change, missing)
        else:
            await self._hand_over.stop_meeting(change, known)
            self._change, self._checked_for = None, ""  # a plan that came meanwhile is looked at
            self._looking.trigger()

    async def _go_back(self, change: RoleChange, missing: list[VlanId]) -> None:
        now, why = self._clock.seconds(), change.words(missing)
        self.log.warn("the DHCP server {why}", why=why)
        self._tries.note(self._names.of(self._applied), why, now)
        self._tries.note_taken_back(missing, now)
        self._change, self._checked_for = None, ""
        plan = change.taken_back(self._applied)
        try:
            await self._start(plan, change.before)
        except ProgramFailed as problem:
            self.log.warn("the DHCP server does not obey: {problem}", problem=str(problem))
        else:
            await self._note_applied(plan)
            self._looking.trigger()  # the plan that it went back from waits again

    async def _start(
        self, plan: DhcpPlan, before: KnownStates | None = None, *, not_after: float = inf
    ) -> KnownStates:
        """Restart the server, and put its pairs back into the states that they had: gives those."""
        self._restarting = True
        try:
            if before is None:
                before = await self._before_stop(plan)
            names = names_with(await self._interfaces(), {it.address for it in vlans_of(plan)})
            if self._clock.seconds() > not_after:
                raise TurnRefused("it came too late: the peer may take its role back")
            await self._restart(plan, names)
            await self._states.put_back(plan, before)
            await self._server.follow(plan)
        except ProgramFailed:
            self._failed_at = self._clock.seconds()
            if before is not None and self._server.running():  # restarted, with what it served
                await self._states.put_back(self._applied, before)
            raise
        finally:
            self._restarting = False
        return before

    async def _restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        self._hosts.restarted()
        try:
            await self._server.restart(plan, interfaces)
        except ProgramFailed as problem:
            if not self._names.same(plan, self._applied):
                why = str(problem)[:MOST_ERROR_CHARACTERS]
                self._tries.note(self._names.of(plan), why, self._clock.seconds())
            raise

    @property
    def _failure(self) -> str:
        """Why what waits did not start a moment ago: trying costs what is served two restarts."""
        if not self._applied:
            return ""
        return self._tries.why(self._names.of(self._checked), self._clock.seconds())

    async def _note_applied(self, plan: DhcpPlan) -> None:
        self._applied = plan
        await self._hosts.remember(plan)
        self.log.info(
            "serves {vlans}",
            vlans=", ".join(f"{it.vlan.name} ({it.role})" for it in vlans_of(plan)) or "none",
        )

    @property
    def _applied_name(self) -> str:
        """Name the plan that is served, as far as it can be, with its fingerprint."""
        if self._checked_for and self._names.same(self._checked, self._applied):
            return self._checked_for
        return self._names.of(self._applied)

    def _tell(self) -> None:
        running = self._server.running()
        report = DhcpReport(
            applied=self._applied_name,
            waiting=self._waiting,
            failed=self._failure if self._waiting else "",
            changing=self._change is not None,
            took_back=self._tries.lately_taken_back(self._clock.seconds()),
            running=running,
            vlans=vlan_reports(self._applied, self._states.of if running else None),
            errors=tuple(VlanError(vlan=it, error=why) for it, why in sorted(self._errors.items())),
        )
        if report != self.report:
            self.report = report
            self.on_report()
