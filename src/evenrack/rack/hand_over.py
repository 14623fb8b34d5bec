"""How a server gives a VLAN or a role away: it falls silent, and its partner hears of each lease.

A restart would lose what it has not told yet: seconds' worth, where leases are given faster than
they are written. Who comes next would give the same addresses away. Paused by OMAPI, it answers
nobody, over a restart too, while its partner serves and the updates go on (docs/decisions/0016).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpServerSilent, PartnerBehind
from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import RackId, VlanId
from evenrack.rack.acknowledging import Acknowledging
from evenrack.rack.failover_states import FailoverServer, KnownStates
from evenrack.rack.role_change import RoleChange, is_demoted

PATIENCE_SECONDS = 4.0
"""So long a partner may take to acknowledge what is on its way; it serves meanwhile."""

RECOVER_SECONDS = 20.0
"""So long who exchanged its role waits for its partner's leases when that is not heard of."""

_ALONE: Final = "communications-interrupted"
_AGAIN_SECONDS = 0.05


class GivingServer(FailoverServer, Protocol):
    """What is asked of a DHCP server here."""

    async def unshared_leases(
        self, services: Sequence[VlanService], *, older: float = 0.0
    ) -> Mapping[VlanId, int]:
        """Count the leases of each VLAN that no partner has said it knows.

        Only those that were given `older` seconds ago, or earlier.
        """


def given_away(known: KnownStates, plan: DhcpPlan) -> list[VlanService]:
    """Give the normal pairs that a server is not to serve, or be primary of, by this plan: pure."""
    after = {service.vlan.id: service for service in plan}
    return [
        service
        for service in known.plan
        if known.states.get(vlan := service.vlan.id) == "normal"
        and (vlan not in after or is_demoted(service, after[vlan]))
    ]


class HandOver:
    """Pauses a server's pairs, and lets them go on."""

    log = Logger()

    def __init__(self, server: GivingServer, clock: IReactorTime) -> None:
        self._server = server
        self._clock = clock
        self._given: dict[VlanId, VlanService] = {}
        """As they were when they were paused."""
        self._met: set[VlanId] = set()
        """Whose roles are exchanged: both sides have restarted, and talk."""
        self._telling: dict[VlanId, Acknowledging] = {}
        """How far a new primary is in telling its partner all."""
        self._recovering: dict[VlanId, float] = {}
        """Since when."""
        self._told: dict[VlanId, RackId] = {}
        """VLANs that are not served since all that was promised there was told to this partner."""

    async def give(self, services: Sequence[VlanService], plan: DhcpPlan) -> None:
        """Let a server answer no more for these pairs, until their partners know every lease.

        PartnerBehind when one whose role is exchanged does not come to know all: it could give the
        same addresses away. For a whole VLAN it is not waited for ever: it may be that nobody is to
        serve it any more, and nobody listens.
        """
        self._given = {service.vlan.id: service for service in services}
        self._met.clear()
        self._telling.clear()
        if not services:
            return
        try:
            for service in services:
                await self._server.put_back(service, "paused")
            behind = await self._behind(services)
        except DhcpServerSilent as problem:
            self.log.warn("its partner may not know all: {problem}", problem=str(problem))
            return
        if not behind:
            self._note_told(services, plan)
        if behind and any(service.vlan.id in self._given for service in plan):
            raise PartnerBehind(f"its partner does not know {behind} of its leases yet")

    def _note_told(self, services: Sequence[VlanService], plan: DhcpPlan) -> None:
        stays = {service.vlan.id for service in plan}
        for service in services:
            if service.peer is not None and service.vlan.id not in stays:
                self._told[service.vlan.id] = service.peer.rack

    async def _behind(self, services: Sequence[VlanService]) -> int:
        """Wait until the partners know all leases; gives how many they do not know in the end."""
        until = self._clock.seconds() + PATIENCE_SECONDS
        acknowledging = Acknowledging()
        while behind := acknowledging.behind(
            await self._server.unshared_leases(services), self._clock.seconds()
        ):
            if self._clock.seconds() >= until:
                break
            await deferLater(self._clock, _AGAIN_SECONDS)
        return behind

    async def meet(self, change: RoleChange, known: KnownStates) -> frozenset[VlanId]:
        """Let both sides of an exchange go on, as soon as the old primary knows every lease.

        It is paused still, since what the other gave away before its own restart it would give
        away, too. The other says that all is told by going into `normal`. Gives the VLANs where
        they have met and are not through with it.
        """
        step = self._as_demoted if change.is_demoted else self._as_promoted
        for service, state in _paired(known):
            if service.vlan.id in change.vlans:
                with suppress(DhcpServerSilent):  # the next look tries again
                    await step(change, service, state)
        return frozenset(self._met)

    async def _as_demoted(self, change: RoleChange, service: VlanService, state: SideState) -> None:
        vlan = service.vlan.id
        if state == "paused" and change.may_meet(self._clock.seconds()):
            self._met.add(vlan)
        if state == "paused" and vlan in self._met and await self._partner(service) == "normal":
            await self._server.put_back(service, _ALONE)
        elif state == "normal":
            self._met.discard(vlan)

    async def _as_promoted(
        self, change: RoleChange, service: VlanService, state: SideState
    ) -> None:
        both, now = (state, await self._partner(service)), self._clock.seconds()
        if both == (_ALONE, "paused") and change.may_meet(now):
            self._met.add(service.vlan.id)
            unshared = await self._server.unshared_leases([service], older=now - change.ended)
            telling = self._telling.setdefault(service.vlan.id, Acknowledging())
            if not telling.behind(unshared, now):
                await self._server.put_back(service, "normal")
        elif both == ("normal", _ALONE):
            await self._server.put_back(service, _ALONE)  # as both are, they become normal
        elif both == ("normal", "normal"):
            self._met.discard(service.vlan.id)

    async def _partner(self, service: VlanService) -> SideState:
        return await self._server.partner_state(service)

    async def stop_meeting(self, change: RoleChange, known: KnownStates) -> None:
        """Give up: who said `normal` is alone, and the other one gets all that it lacks."""
        for service, state in _paired(known):
            if service.vlan.id in self._met and state == "normal" and not change.is_demoted:
                await self._put(service, _ALONE)

    async def go_on(self, known: KnownStates) -> None:
        """Let paused pairs serve where that is safe, and the others get what they lack first.

        A primary that is paused has a partner that is none. So has one that is what it was when it
        was paused. Of the others nothing is known (this daemon was restarted in between), or their
        partner has not told them all. One that stopped, and begins anew with the partner that it
        told all, does not wait for mclt: its leaving was called off when it had just stopped.
        """
        now = self._clock.seconds()
        for alone in (service for service in known.plan if service.peer is None):
            self._told.pop(alone.vlan.id, None)  # the partner does not know what it gives now
        for service, state in _paired(known):
            vlan, was = service.vlan.id, self._given.get(service.vlan.id)
            if state == "paused":
                is_what_it_was = was is not None and was.same_relation(service)
                is_safe = service.role == "primary" or is_what_it_was
                await self._put(service, _ALONE if is_safe else "recover")
                if not is_safe:
                    self._recovering[vlan] = now
            elif state == "recover-wait" and self._has_told_all(service):
                await self._put(service, "recover-done")  # it had told all that it promised
            elif state == "recover" and vlan in self._met and vlan in self._recovering:
                await self._serve_without_partner(service, now - self._recovering[vlan])
            elif state == "normal":
                self._recovering.pop(vlan, None)
                self._told.pop(vlan, None)

    def _has_told_all(self, service: VlanService) -> bool:
        told = self._told.get(service.vlan.id)
        is_same = service.peer is not None and service.peer.rack == told
        return is_same or service.vlan.id in self._recovering

    async def _serve_without_partner(self, service: VlanService, waited: float) -> None:
        """Serve where the partner took its role and is gone: else nobody does."""
        if waited >= RECOVER_SECONDS:
            self.log.warn(
                "{vlan} is served though {rack}, which took its role and is gone, may have given "
                "some addresses away of which it did not tell",
                vlan=service.vlan.name,
                rack=service.peer and service.peer.rack,
            )
            await self._put(service, _ALONE)

    async def _put(self, service: VlanService, state: SideState) -> None:
        with suppress(DhcpServerSilent):  # the next look tries again
            await self._server.put_back(service, state)


def _paired(known: KnownStates) -> Iterator[tuple[VlanService, SideState]]:
    for service in known.plan:
        if service.vlan.id in known.states:
            yield service, known.states[service.vlan.id]
