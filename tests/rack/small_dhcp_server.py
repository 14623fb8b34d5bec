"""A DHCP server in memory, as `converge.DhcpServer` promises it, for tests that need no packets.

It can find mistakes, fail to start, be killed, say nothing, lose its peers, and take its time.
"""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from evenrack.errors import DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan, VlanService

AS_SOON_AS_MET = {"communications-interrupted", "recover"}
"""States in which one does not stay beside its peer."""


def refusing(*vlans):
    """Find a mistake in every content of these VLANs."""
    return lambda plan: [f"VLAN {it.vlan.id} is bad" for it in plan if it.vlan.id in vlans]


@define(kw_only=True)
class SmallDhcpServer:
    """Serves what it is told, once it has read it; its failover partners are there unless told."""

    clock: IReactorTime
    seconds: float = 0.0
    """How long everything takes."""
    mistakes_in: Callable[[DhcpPlan], list[str]] = field(default=refusing())
    """What it finds wrong with a configuration."""
    text_of: Callable[[DhcpPlan], object] = field(default=lambda plan: plan)
    """What of a plan its clients are told."""
    starts: bool = True
    """Whether it comes up when it is started."""
    stops: bool = True
    can_be_asked: bool = True
    """Whether a configuration can be checked at all."""
    silent: bool = False
    obeys: bool = True
    """Whether it goes into the state that it is put into."""
    is_met: Callable[[VlanService], bool] = field(default=lambda service: True)
    """Whether the peer serves the same VLAN in the other role."""
    away: set = field(factory=set)
    """VLANs whose peer is away: who restarts there would serve nobody for a while."""
    unshared: int = 0
    """Leases of each VLAN that no partner knows of."""
    partner: str = "normal"
    """What the partner says of itself."""
    begins_in: str = "normal"
    """The state of its pairs after a start with the peer there."""
    runs: DhcpPlan | None = None
    """What it runs with; None when it does not run."""
    mclt: int = 3600
    """What it says of each pair's, in seconds."""
    was_given: DhcpPlan = ()
    """What it was last started with, running or not."""
    states_now: dict = field(factory=dict)
    began_paused: set = field(factory=set)
    """VLANs for which it was paused when it started: it says so when it has met its peer."""
    checked: list = field(factory=list)
    refused: list = field(factory=list)
    started: list = field(factory=list)
    """Each (plan, interfaces) that it was started with."""
    restarts: list = field(factory=list)
    """When each of these starts (began, ended)."""
    failed: list = field(factory=list)
    """When it was to start and did not."""
    put_back_into: list = field(factory=list)
    followed: list = field(factory=list)
    """Each plan that the other family was to follow, and which states were put back by then."""
    changing: bool = False
    takes_hosts: Callable[[DhcpPlan, DhcpPlan], DhcpPlan] = field(default=lambda served, _: served)
    """What of a plan it can be told while it runs."""
    told: list = field(factory=list)
    """Each plan that it was brought to so."""
    takes_more: bool = True
    """Whether it can be told of more while its file is checked."""
    check_seconds: float = 0.0
    """How long that takes."""
    kept: list = field(factory=list)
    """Each plan with which its file was brought in step so."""
    has_in_part: list = field(factory=list)
    """What it was told when it failed."""
    met: int = 0
    """How often a start or stop began while another one was under way."""

    def kill(self):
        self.runs = None

    def running(self):
        return self.runs is not None

    def serves(self, plan):
        return bool(plan) and self.text_of(self.was_given) == self.text_of(plan)

    def was_started_with(self, plan):
        return self.serves(plan)

    async def prepare(self, plan):
        await self._take_time()

    async def check(self, plan):
        await self._take_time()
        if not self.can_be_asked:
            raise ProgramFailed("dhcpd", "is not there", "")
        mistakes = self.mistakes_in(plan)
        if mistakes:
            self.refused.append(plan)
            raise DhcpConfigurationRefused("; ".join(mistakes))
        self.checked.append(plan)

    async def restart(self, plan, interfaces):
        began = self.clock.seconds()
        await self._change()
        if not self.starts:
            self.failed.append(self.clock.seconds())
            self._begin_anew()  # with what it served before
            raise ProgramFailed("dhcpd", "ended as soon as it was started", "no such port")
        self.runs = self.was_given = plan
        self.started.append((plan, tuple(interfaces)))
        self.restarts.append((began, self.clock.seconds()))
        self._begin_anew()

    async def follow(self, plan):
        self.followed.append((plan, list(self.put_back_into)))

    async def followable(self, served, plan):
        return self.takes_hosts(served, plan)

    async def tell_hosts(self, served, plan):
        assert self.takes_hosts(served, plan) == plan
        assert served in (self.runs, *self.has_in_part)
        self.has_in_part.append(plan)
        await self._take_time()
        if self.silent or not self.running():
            raise DhcpServerSilent("no answer")
        self.has_in_part, self.runs = [], plan
        self.told.append(plan)

    async def more_hosts(self, served, told, plan):
        return self.takes_hosts(told, plan) if self.takes_more else told

    async def keep_hosts(self, plan):
        if self.check_seconds:
            await deferLater(self.clock, self.check_seconds)
        if self.mistakes_in(plan):
            raise DhcpConfigurationRefused("bad")
        self.was_given = plan
        self.kept.append(plan)

    async def stop(self):
        await self._change()
        if not self.stops:
            raise ProgramFailed("dhcpd", "does not end, not even when killed", "")
        self.runs = None
        self.states_now = {}

    async def states(self, plan):
        await self._take_time()
        if self.silent or not self.running():
            raise DhcpServerSilent("no answer")
        apart = [it.vlan.id for it in self.runs if it.peer is not None and not self.is_met(it)]
        unheard = [vlan for vlan in apart if self.states_now.get(vlan) == "normal"]
        self.began_paused.intersection_update(apart)
        unmet = self.began_paused & self.paused()
        return {
            **self.states_now,
            **dict.fromkeys(unheard, "communications-interrupted"),
            **dict.fromkeys(unmet, "startup"),
        }

    def paused(self):
        return {vlan for vlan, state in self.states_now.items() if state == "paused"}

    async def put_back(self, service, state):
        await self._take_time()
        if self.silent:
            raise DhcpServerSilent("no answer")
        self.put_back_into.append((service.vlan.id, state))
        if not self.obeys:
            return
        is_met = service.vlan.id not in self.away and self.is_met(service)
        if state == "recover-done" or (is_met and state in AS_SOON_AS_MET):
            state = "normal"
        self.states_now[service.vlan.id] = state

    async def unshared_leases(self, services, *, older=0.0):
        return {service.vlan.id: self.unshared for service in services if self.unshared}

    async def partner_state(self, service):
        await self._take_time()
        if self.silent:
            raise DhcpServerSilent("no answer")
        return self.partner

    async def hears_partner(self, service):
        await self._take_time()
        if self.silent:
            raise DhcpServerSilent("no answer")
        return service.vlan.id not in self.away and self.is_met(service)

    def _begin_anew(self):
        self.has_in_part = []
        self.began_paused = self.paused()
        paired = [service.vlan.id for service in self.was_given if service.peer is not None]
        self.states_now = {vlan: self._state_after_start(vlan) for vlan in paired}

    def _state_after_start(self, vlan):
        if vlan in self.away:
            return "startup"
        return "paused" if self.states_now.get(vlan) == "paused" else self.begins_in

    async def mclt_seconds(self, service):
        if self.silent:
            raise DhcpServerSilent("no answer")
        return self.mclt

    async def _change(self):
        self.met += self.changing
        self.changing = True
        await self._take_time()
        self.changing = False

    async def _take_time(self):
        if self.seconds:
            await deferLater(self.clock, self.seconds)
