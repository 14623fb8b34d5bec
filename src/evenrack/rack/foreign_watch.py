"""Hears, by a program that may, which other DHCP servers there are on this rack's VLANs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final

from attrs import evolve
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import ProgramFailed
from evenrack.model.dhcp_plan import DhcpPlan, VlanService, vlans_of
from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.interface_list import Interface
from evenrack.rack.foreign_servers import ForeignServers, Moment
from evenrack.rack.listen.link import Link, StartListener
from evenrack.rack.listen.words import Order, Told
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS: Final = 10.0
START_AGAIN_SECONDS: Final = 60.0
"""A program that ends or is not there is not started more often."""


class ForeignWatch(MultiService):
    """Tells of all that are neither this rack nor its peers; the regions know the other racks."""

    log = Logger()

    def __init__(
        self,
        start: StartListener,
        applied: Callable[[], DhcpPlan],
        interfaces: Callable[[], tuple[Interface, ...]],
        probe_seconds: float,
        clock: IReactorTime,
        wall_clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._start = start
        self._applied = applied
        self._interfaces = interfaces
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._wall_clock = wall_clock
        self._servers = ForeignServers(probe_seconds)
        self._wires: Mapping[str, list[VlanService]] = {}
        self._link: Link | None = None
        self._start_at = float("-inf")
        self._said = Order()
        self._why_no_link = ""
        self._why_not: dict[str, str] = {}
        """Of interfaces that cannot be listened to."""
        self._told_why = ""
        self.on_change: Callable[[], None] = lambda: None
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def stopService(self) -> Deferred[None]:
        """Let the program end, too."""
        return Deferred.fromCoroutine(self._stop())

    def trigger(self) -> None:
        """Look soon: the server serves something else."""
        self._looking.trigger()

    def added_to(self, report: DhcpReport) -> DhcpReport:
        """Say in a report which servers were heard, or why none can be."""
        vlans = tuple(self._with_servers(side) for side in report.vlans)
        return evolve(report, vlans=vlans, not_listening=self._told_why)

    def _with_servers(self, side: VlanReport) -> VlanReport:
        found = self._servers.of(side.vlan)
        return evolve(side, foreign=found) if found else side

    async def _stop(self) -> None:
        stopped = super().stopService()
        if stopped is not None:
            await stopped
        await self._end()

    async def _look(self) -> None:
        services = list(vlans_of(self._applied()))
        self._wires = _wires(services, self._interfaces())
        if self._servers.forget({it.vlan.id for it in services}, self._now()):
            self.on_change()
        if not self._wires:
            await self._end()
            self._why_no_link = ""
        elif self._link is None and self._clock.seconds() >= self._start_at:
            await self._begin()
        order = Order(interfaces=tuple(sorted(self._wires)), probe_seconds=self._probe_seconds)
        if self._link is not None and order != self._said:
            self._said = order
            self._link.say(order)
        self._why_not = {name: why for name, why in self._why_not.items() if name in self._wires}
        self._tell_why()

    async def _begin(self) -> None:
        self._start_at = self._clock.seconds() + START_AGAIN_SECONDS
        self._said, self._why_not = Order(), {}
        try:
            self._link = await self._start(self._told, self._ended)
            self._why_no_link = ""
        except ProgramFailed as problem:
            self._why_no_link = str(problem)

    async def _end(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._start_at = float("-inf")
            await link.end()

    def _ended(self, why: str) -> None:
        self._link, self._why_no_link = None, why
        self._tell_why()

    def _told(self, told: Told) -> None:
        if told.interface not in self._wires:
            return  # not any longer
        if told.server is None:
            self._why_not.pop(told.interface, None)
            if told.error:
                self._why_not[told.interface] = told.error
            self._tell_why()
            return
        services = self._wires[told.interface]
        ours = {it.address.ip for it in self._interfaces()}
        ours |= {address for it in services for address in _addresses(it)}
        if told.server in ours:
            return
        now = self._now()
        news = [self._servers.hear(it.vlan.id, told.server, told.mac, now) for it in services]
        if any(news):
            self.on_change()

    def _tell_why(self) -> None:
        """Say why servers are not heard, once for each reason."""
        told = [f"{name}: {why}" for name, why in sorted(self._why_not.items())]
        why = self._why_no_link or (told[0] if told else "")
        if why == self._told_why:
            return
        self._told_why = why
        if why:
            self.log.warn(
                "other DHCP servers on this rack's VLANs are not heard: {why}; nothing else "
                "depends on it, and docs/dhcp.md says what it needs",
                why=why,
            )
        else:
            self.log.info("other DHCP servers on this rack's VLANs are heard again")
        self.on_change()

    def _now(self) -> Moment:
        return Moment(steady=self._clock.seconds(), unix=int(self._wall_clock().timestamp()))


def _wires(
    services: list[VlanService], interfaces: tuple[Interface, ...]
) -> Mapping[str, list[VlanService]]:
    """Give the interfaces that VLANs are served on, each with those VLANs."""
    found: dict[str, list[VlanService]] = {}
    for interface in interfaces:
        here = [it for it in services if it.address == interface.address.ip]
        if here:
            found.setdefault(interface.name, []).extend(here)
    return found


def _addresses(service: VlanService) -> tuple[IPv4Address, ...]:
    return (service.address, *(() if service.peer is None else (service.peer.address,)))
