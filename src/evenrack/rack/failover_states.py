"""The state of each failover pair, asked of dhcpd, and put back when it had to restart.

A server whose peer is away serves nobody for 15 s after a restart. One that was in a state for that
before is put back into it as soon as it answers (0.3 s).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from attrs import evolve, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpServerSilent, PartnerDownRefused, RecoverWaitRefused, TurnRefused
from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import RackId, VlanId
from evenrack.rack.still_its_own import has_another_peer

PUT_BACK = frozenset({"communications-interrupted", "partner-down"})
"""States of a server whose peer is away."""

AFTER_WAIT = frozenset({"recover-done", "normal"})
"""States of a server that waits no more."""

PUT_BACK_SECONDS = 60.0
"""Older states are not put back: meanwhile the peer may have taken over, and startup is the time in
which a server hears of that before it gives addresses away."""

STARTUP_SECONDS = 15.0
"""So long dhcpd, too, looks for its partner when it starts, before it serves without it."""

TRY_SECONDS = 5.0
_AGAIN_SECONDS = 0.1


class FailoverServer(Protocol):
    """What is asked of a DHCP server here."""

    def running(self) -> bool:
        """Tell whether it runs."""

    async def states(self, plan: DhcpPlan) -> Mapping[VlanId, SideState]:
        """Ask for the failover state of each VLAN that has a peer; DhcpServerSilent."""

    async def put_back(self, service: VlanService, state: SideState) -> None:
        """Bring a server into a state, as one that it had before; DhcpServerSilent."""

    async def partner_state(self, service: VlanService) -> SideState:
        """Ask what the partner said of itself, however long ago; DhcpServerSilent."""

    async def hears_partner(self, service: VlanService) -> bool:
        """Tell whether it is connected to its partner now; DhcpServerSilent when nobody says."""

    async def mclt_seconds(self, service: VlanService) -> int:
        """Ask for a pair's mclt, which the secondary has from its partner; DhcpServerSilent."""


@frozen(kw_only=True)
class KnownStates:
    """What a server said last: of which plan, and when by the reactor's clock."""

    plan: DhcpPlan = ()
    states: Mapping[VlanId, SideState] = field(factory=dict)
    at: float = float("-inf")

    def to_put_back(self, plan: DhcpPlan, now: float) -> dict[VlanId, SideState]:
        """Give the states to put back after a restart with this plan.

        One that serves without its peer goes on so when another rack takes the peer's place: that
        one has no lease yet, and serves nobody.
        """
        if now - self.at > PUT_BACK_SECONDS:
            return {}
        before = {service.vlan.id: service for service in self.plan}
        return {
            vlan: self.states[vlan]
            for service in plan
            if self.states.get(vlan := service.vlan.id) in PUT_BACK
            and vlan in before
            and (before[vlan].same_relation(service) or has_another_peer(before[vlan], service))
        }

    def after_pause(self, services: Collection[VlanService]) -> "KnownStates":
        """Give what these pairs are to be in when they go on in the roles that they have."""
        goes_on: SideState = "communications-interrupted"
        paused = dict.fromkeys((service.vlan.id for service in services), goes_on)
        return evolve(self, states={**self.states, **paused})

    def refuse_while_heard(self, plan: DhcpPlan) -> None:
        """TurnRefused where a peer that gives its place to another in this plan still serves."""
        after = {service.vlan.id: service for service in plan}
        heard = ", ".join(
            f"{service.peer.rack} for {service.vlan.name}"
            for service in self.plan
            if self.states.get(vlan := service.vlan.id) == "normal"
            and service.peer is not None
            and vlan in after
            and has_another_peer(service, after[vlan])
        )
        if heard:
            raise TurnRefused(f"its server still hears the one that is to be replaced: {heard}")


class FailoverStates:
    """Remembers what the server of this host said last."""

    log = Logger()

    def __init__(self, server: FailoverServer, clock: IReactorTime) -> None:
        self._server = server
        self._clock = clock
        self.known = KnownStates()
        self._unheard: dict[VlanId, float] = {}
        """Of pairs in `recover-done`: since when this has seen no connection to the partner."""

    def of(self, vlan: VlanId) -> SideState:
        """Give the state of a pair; `unknown` while the server does not say."""
        return self.known.states.get(vlan, "unknown")

    async def ask(self, applied: DhcpPlan) -> None:
        """Ask anew. While the server does not run, what it said last is kept for its start."""
        if not applied:
            self.known = KnownStates()
        elif self._server.running():
            try:
                states = await self._server.states(applied)
                if fallen_back := await self._fallen_back(applied, states):
                    await self._put_again(fallen_back)
                    states = await self._server.states(applied)
            except DhcpServerSilent:
                states = {}
            self.known = KnownStates(plan=applied, states=states, at=self._clock.seconds())

    async def _fallen_back(
        self, applied: DhcpPlan, states: Mapping[VlanId, SideState]
    ) -> list[tuple[VlanService, SideState]]:
        """Give pairs that are in `recover-done`, and serve nobody, and what to put them back into.

        The timer of a wait that was ended (`end_recover_wait`) goes on in dhcpd, and does that mclt
        later, whatever the server is in by then; nothing would ever end it. A partner that says
        anything but `normal` of itself ends it, or gives addresses away.
        """
        found: list[tuple[VlanService, SideState]] = []
        unheard = self._unheard
        self._unheard = {}
        for service in applied:
            if states.get(service.vlan.id) != "recover-done":
                continue
            if await self._server.partner_state(service) == "normal":
                state = await self._goes_on_in(service, unheard)
                found += [] if state is None else [(service, state)]
        return found

    async def _goes_on_in(
        self, service: VlanService, unheard: Mapping[VlanId, float]
    ) -> SideState | None:
        """Say what a pair that fell back is to be in; None where that is not known yet.

        What dhcpd says of a partner that is not connected is old. One that went on without it a
        moment ago goes on so. Of one that this daemon has not seen before, the partner may have
        taken over: it is looked for as long as by a server that starts.
        """
        vlan, now = service.vlan.id, self._clock.seconds()
        if await self._server.hears_partner(service):
            return "normal"
        before = self.known.states.get(vlan)
        if before in PUT_BACK and now - self.known.at <= PUT_BACK_SECONDS:
            return before
        self._unheard[vlan] = unheard.get(vlan, now)
        is_over = now - self._unheard[vlan] >= STARTUP_SECONDS
        return "communications-interrupted" if is_over else None

    async def _put_again(self, services: Sequence[tuple[VlanService, SideState]]) -> None:
        for service, state in services:
            await self._server.put_back(service, state)
            self.log.info("{vlan} is {state} again", vlan=service.vlan.name, state=state)

    async def before_stop(self, applied: DhcpPlan) -> KnownStates:
        """Ask once more: a peer may have gone since the last look. Gives what is known then."""
        before = self.known
        await self.ask(applied)
        known = self.known if self.known.states else before
        return known if known.plan == applied else KnownStates(plan=applied)

    async def put_back(self, plan: DhcpPlan, before: KnownStates) -> None:
        """Put each pair back into the state that it had, where it waits for its peer."""
        began = self._clock.seconds()
        left = before.to_put_back(plan, began)
        services = {service.vlan.id: service for service in plan}
        while left and self._clock.seconds() < began + TRY_SECONDS:
            try:
                left = await self._still_waiting(plan, left)
                for vlan, state in left.items():
                    await self._server.put_back(services[vlan], state)
                left = await self._still_waiting(plan, left)
            except DhcpServerSilent as problem:
                self.log.debug("not put back yet: {problem}", problem=str(problem))
            if left:
                await deferLater(self._clock, _AGAIN_SECONDS)
        for vlan, state in left.items():
            self.log.warn(
                "{vlan} could not be put back into {state}: it serves nobody there until its "
                "startup ends, after 15 s",
                vlan=services[vlan].vlan.name,
                state=state,
            )

    async def take_partner_down(self, vlan: VlanId, dead: RackId, applied: DhcpPlan) -> int:
        """Put a pair whose partner is dead into `partner-down`; gives its mclt in seconds.

        PartnerDownRefused when the server hears its partner, or has another, or cannot be asked.
        """
        service = _served_with(dead, vlan, applied)
        if service is None:
            raise PartnerDownRefused(f"this rack does not serve VLAN {vlan} with {dead}")
        try:
            before = (await self._server.states(applied)).get(vlan)
            if before not in PUT_BACK:
                raise PartnerDownRefused(_why_not(before))
            if before != "partner-down":
                await self._server.put_back(service, "partner-down")
                now = (await self._server.states(applied)).get(vlan)
                if now != "partner-down":
                    raise PartnerDownRefused(f"its server was told, and is in {now}")
            return await self._server.mclt_seconds(service)
        except DhcpServerSilent as problem:
            raise PartnerDownRefused(str(problem)) from problem

    async def end_recover_wait(self, vlan: VlanId, peer: RackId, applied: DhcpPlan) -> None:
        """Let a server that has its partner's leases serve at once; RecoverWaitRefused."""
        service = _served_with(peer, vlan, applied)
        if service is None:
            raise RecoverWaitRefused(f"this rack does not serve VLAN {vlan} with {peer}")
        try:
            before = (await self._server.states(applied)).get(vlan)
            if before not in AFTER_WAIT:
                if before != "recover-wait":
                    raise RecoverWaitRefused(f"its server is in {before or 'unknown'}")
                await self._server.put_back(service, "recover-done")
                now = (await self._server.states(applied)).get(vlan)
                if now not in AFTER_WAIT:
                    raise RecoverWaitRefused(f"its server was told, and is in {now}")
        except DhcpServerSilent as problem:
            raise RecoverWaitRefused(str(problem)) from problem

    async def _still_waiting(
        self, plan: DhcpPlan, which: Mapping[VlanId, SideState]
    ) -> dict[VlanId, SideState]:
        """Give those that still wait for their peer and serve nobody."""
        states = await self._server.states(plan) if which else {}
        return {vlan: which[vlan] for vlan in which if states.get(vlan) == "startup"}


def _served_with(peer: RackId, vlan: VlanId, applied: DhcpPlan) -> VlanService | None:
    paired = (it for it in applied if it.peer is not None and it.peer.rack == peer)
    return next((service for service in paired if service.vlan.id == vlan), None)


def _why_not(state: SideState | None) -> str:
    if state == "normal":
        return "its server still hears the other one"
    return f"its server is in {state or 'unknown'}; that is told in communications-interrupted only"
