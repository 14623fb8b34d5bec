"""The state of each failover pair, asked of dhcpd, and put back when it had to restart.

A server whose peer is away serves nobody for 15 s after a restart. One that was in a state for that
before is put back into it as soon as it answers (0.3 s).
"""

from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpServerSilent, PartnerDownRefused
from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import VlanId

PUT_BACK = frozenset({"communications-interrupted", "partner-down"})
"""States of a server whose peer is away."""

PUT_BACK_SECONDS = 60.0
"""Older states are not put back: meanwhile the peer may have taken over, and startup is the time in
which a server hears of that before it gives addresses away."""

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

    async def mclt_seconds(self, service: VlanService) -> int:
        """Ask for a pair's mclt, which the secondary has from its partner; DhcpServerSilent."""


@frozen(kw_only=True)
class KnownStates:
    """What a server said last: of which plan, and when by the reactor's clock."""

    plan: DhcpPlan = ()
    states: Mapping[VlanId, SideState] = field(factory=dict)
    at: float = float("-inf")

    def to_put_back(self, plan: DhcpPlan, now: float) -> dict[VlanId, SideState]:
        """Give the states to put back after a restart with this plan."""
        if now - self.at > PUT_BACK_SECONDS:
            return {}
        before = {service.vlan.id: service for service in self.plan}
        return {
            vlan: self.states[vlan]
            for service in plan
            if self.states.get(vlan := service.vlan.id) in PUT_BACK
            and vlan in before
            and before[vlan].same_relation(service)
        }


class FailoverStates:
    """Remembers what the server of this host said last."""

    log = Logger()

    def __init__(self, server: FailoverServer, clock: IReactorTime) -> None:
        self._server = server
        self._clock = clock
        self.known = KnownStates()

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
            except DhcpServerSilent:
                states = {}
            self.known = KnownStates(plan=applied, states=states, at=self._clock.seconds())

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

    async def take_partner_down(self, service: VlanService, applied: DhcpPlan) -> int:
        """Put a pair whose partner is dead into `partner-down`; gives its mclt in seconds.

        PartnerDownRefused when the server hears its partner, or cannot be asked.
        """
        vlan = service.vlan.id
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

    async def _still_waiting(
        self, plan: DhcpPlan, which: Mapping[VlanId, SideState]
    ) -> dict[VlanId, SideState]:
        """Give those that still wait for their peer and serve nobody."""
        states = await self._server.states(plan) if which else {}
        return {vlan: which[vlan] for vlan in which if states.get(vlan) == "startup"}


def _why_not(state: SideState | None) -> str:
    if state == "normal":
        return "its server still hears the other one"
    return f"its server is in {state or 'unknown'}; that is told in communications-interrupted only"
