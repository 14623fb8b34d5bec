"""Sees each second that the DHCPv6 server follows what this rack serves, and tells of it."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from attrs import evolve
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.dhcp_report import DhcpReport, Ipv6Side
from evenrack.model.held_halves import met_partners
from evenrack.model.identifiers import VlanId
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0


class Dhcp6Server(Protocol):
    """The DHCPv6 server of this host (`rack.dhcp.server6`)."""

    async def look(
        self, applied: DhcpPlan, *, is_served: bool, met: Collection[VlanId] = ()
    ) -> None:
        """See that it serves what it is to, if that for IPv4 serves: some of its pairs have met."""

    def sides(self, plan: DhcpPlan) -> Mapping[VlanId, Ipv6Side]:
        """Tell how it serves each VLAN that has IPv6."""


class Ipv6Watch(MultiService):
    """Decides nothing: what is to be served is what was applied."""

    def __init__(
        self,
        server: Dhcp6Server | None,
        applied: Callable[[], DhcpPlan],
        is_served: Callable[[], bool],
        four: Callable[[], DhcpReport],
        clock: IReactorTime,
    ) -> None:
        """`server` is None where there is none; `is_served`: that for IPv4 (`four`) runs."""
        super().__init__()
        self._server = server
        self._applied = applied
        self._is_served = is_served
        self._four = four
        self._told: Mapping[VlanId, Ipv6Side] = {}
        self.on_change: Callable[[], None] = lambda: None
        if server is not None:
            looking = LookAgain(self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS)
            looking.setServiceParent(self)

    def added_to(self, report: DhcpReport) -> DhcpReport:
        """Say in a report how IPv6 is served."""
        if not self._told:
            return report
        vlans = tuple(evolve(side, ipv6=self._told.get(side.vlan)) for side in report.vlans)
        return evolve(report, vlans=vlans)

    async def _look(self) -> None:
        server = self._server
        assert server is not None  # noqa: S101  nothing looks without one
        applied = self._applied()
        met = met_partners(applied, self._four())
        await server.look(applied, is_served=self._is_served(), met=met)
        told = server.sides(self._applied())
        if told != self._told:
            self._told = told
            self.on_change()
