"""How a server gives a VLAN or a role away: it falls silent, and its partner hears of each lease.

A restart would lose what it has not told yet: seconds' worth, where leases are given faster than
they are written. Who comes next would give the same addresses away. Paused by OMAPI, it answers
nobody, over a restart too, while its partner serves and the updates go on (docs/decisions/0016).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import DhcpServerSilent, PartnerBehind
from evenrack.model.dhcp_plan import DhcpPlan, VlanService
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import RackId, VlanId
from evenrack.rack.acknowledging import Acknowledging
from evenrack.rack.failover_states import STARTUP_SECONDS, FailoverServer, KnownStates
from evenrack.rack.role_change import RoleChange, is_demoted

PATIENCE_SECONDS = 4.0
"""So long a partner may take to acknowledge what is on its way; it serves meanwhile."""

RECOVER_SECONDS = 20.0
"""So long who exchanged its role waits for its partner's leases when that is not heard of."""

CALLED_BACK_SECONDS = 60.0
"""So long after it stopped one may be taken for one that never left: the leader had not seen it."""

_ALONE: Final = "communications-interrupted"
_SERVING: Final = frozenset({_ALONE, "partner-down", "normal"})
_AGAIN_SECONDS = 0.05


class GivingServer(FailoverServer, Protocol):
    """What is asked of a DHCP server here."""

    async def unshared_leases(
        self, services: Sequence[VlanService], *, older: float = 0.0
    ) -> Mapping[VlanId, int]:
        """Count the leases of each VLAN that no partner has said it knows.

        Only those that were given `older` seconds ago, or earlier.
        """


@frozen
class _Partner:
    """A rack, and a moment by the reactor's clock."""

    rack: RackId
    at: float

    def is_of(self, service: VlanService) -> bool:
        """Tell whether this pair is with that rack."""
        return service.peer is not None and service.peer.rack == self.rack


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
        self._recovering: dict[VlanId, _Partner] = {}
        """Of whom its leases are fetched, and since when."""
        self._told: dict[VlanId, _Partner] = {}
        """Who was told all that was promised, and when, where nothing was served since then."""
        self._unheard: dict[VlanId, float] = {}
        """Since when one that was called back has not heard that partner."""

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
                self._told[service.vlan.id] = _Partner(service.peer.rack, self._clock.seconds())

    async def _behind(self, services: Sequence[VlanService]) -> int:
        """Wait until the partners know all leases; gives how many they do not know in the end."""
        until = self._clock.seconds() + PATIENCE_SECONDS
        acknowledging = Acknowledging()
        while True:
            unshared = await self._server.unshared_leases(services)
            behind = acknowledging.behind(unshared, self._clock.seconds())
            if not behind and not await self._have_answered(services, unshared):
                behind = sum(unshared.values())
            if not behind or self._clock.seconds() >= until:
                return behind
            await deferLater(self._clock, _AGAIN_SECONDS)

    async def _have_answered(
        self, services: Sequence[VlanService], unshared: Mapping[VlanId, int]
    ) -> bool:
        """Tell whether partners that did not acknowledge all heard of the pause, and so all before.

        They go into this state for it; one that is cut off is not known to be, yet.
        """
        for service in services:
            if unshared.get(service.vlan.id) and await self._partner(service) != _ALONE:
                return False
        return True

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
            self._forget(alone.vlan.id)  # the partner does not know what it gives now
        for service, state in _paired(known):
            vlan, was = service.vlan.id, self._given.get(service.vlan.id)
            if state == "paused":
                is_what_it_was = was is not None and was.same_relation(service)
                is_safe = service.role == "primary" or is_what_it_was
                await self._put(service, _ALONE if is_safe else "recover")
                if not is_safe and service.peer is not None:
                    self._recovering[vlan] = _Partner(service.peer.rack, now)
            elif state in _SERVING:
                self._forget(vlan)
            else:
                await self._recover(service, state, now)

    async def _recover(self, service: VlanService, state: SideState, now: float) -> None:
        vlan = service.vlan.id
        if state == "recover-wait" and self._has_told_all(service, now):
            await self._put(service, "recover-done")  # it had told all that it promised
        elif state == "recover" and vlan in self._met and vlan in self._recovering:
            await self._serve_without_partner(service, now - self._recovering[vlan].at)
        elif state == "recover" and self._is_called_back(service, now):
            await self._serve_when_unheard(service, now)

    def _forget(self, vlan: VlanId) -> None:
        for remembered in (self._recovering, self._told, self._unheard):
            remembered.pop(vlan, None)

    def _has_told_all(self, service: VlanService, now: float) -> bool:
        recovering = self._recovering.get(service.vlan.id)
        is_same = recovering is not None and recovering.is_of(service)
        return is_same or self._is_called_back(service, now)

    def _is_called_back(self, service: VlanService, now: float) -> bool:
        told = self._told.get(service.vlan.id)
        return told is not None and told.is_of(service) and now - told.at <= CALLED_BACK_SECONDS

    async def _serve_when_unheard(self, service: VlanService, now: float) -> None:
        """Serve where the partner has gone since; it is looked for as by a server that starts."""
        if await self._hears(service):
            self._unheard.pop(service.vlan.id, None)
        elif now - self._unheard.setdefault(service.vlan.id, now) >= STARTUP_SECONDS:
            await self._put(service, _ALONE)

    async def _hears(self, service: VlanService) -> bool:
        with suppress(DhcpServerSilent):
            return await self._server.hears_partner(service)
        return True  # the next look asks again

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
