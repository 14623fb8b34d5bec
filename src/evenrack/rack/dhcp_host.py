"""What making a host's DHCP server follow a plan needs of that host."""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.rack.hand_over import GivingServer


class DhcpServer(GivingServer, Protocol):
    """The DHCP server of this host (`rack.dhcp.server`)."""

    async def prepare(self, plan: DhcpPlan) -> None:
        """Do what takes long of all that follows for this plan, where it holds up nobody."""

    async def check(self, plan: DhcpPlan) -> None:
        """Try a configuration; DhcpConfigurationRefused says what is wrong with it."""

    async def restart(self, plan: DhcpPlan, interfaces: Sequence[str]) -> None:
        """Serve this from now on; ProgramFailed when it does not come up, and the old one does."""

    async def follow(self, plan: DhcpPlan) -> None:
        """Do for this plan, with which it was restarted, what clients of its pairs need not await.

        It does what it can, and never fails.
        """

    async def followable(self, served: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        """Give what is served, with all of the plan that needs no restart; else `served` itself."""

    async def tell_hosts(self, served: DhcpPlan, plan: DhcpPlan) -> None:
        """Bring the server that runs from one plan to another, which is followable from there.

        Its file has to be brought in step. DhcpServerSilent: it may have done a part.
        """

    async def more_hosts(self, served: DhcpPlan, told: DhcpPlan, plan: DhcpPlan) -> DhcpPlan:
        """Give what it was told, with more of the plan, where reservations only come; else `told`.

        From there it can be brought back to what is `served` by its file.
        """

    async def keep_hosts(self, plan: DhcpPlan) -> None:
        """Bring its file in step with what it was told.

        DhcpConfigurationRefused, ProgramFailed.
        """

    def serves(self, plan: DhcpPlan) -> bool:
        """Tell whether it was last started with this, or brought to it."""

    def was_started_with(self, plan: DhcpPlan) -> bool:
        """Tell whether the part of it that has pairs, IPv4's, `serves` this."""

    async def stop(self) -> None:
        """Serve nothing."""


class AppliedPlan(Protocol):
    """What was applied last, kept over restarts."""

    def applied_dhcp(self) -> tuple[DhcpPlan, ...]:
        """Give what was remembered last: one plan, or two when the change was not finished."""

    async def keep_applied_dhcp(self, *plans: DhcpPlan) -> None:
        """Remember the plan that is applied, or the one before and the one that is coming."""


@frozen(kw_only=True)
class Wanted:
    """What the newest plan says, and whether a region stands behind it."""

    plan: DhcpPlan
    from_region: bool
    """A region manages this rack now, so the plan is its newest word or will be in a moment."""


def really_applied(remembered: tuple[DhcpPlan, ...], server: DhcpServer) -> DhcpPlan:
    """Find which plan the server was started with when the last change was not finished."""
    served = [plan for plan in remembered if server.serves(plan)]
    half_way = [plan for plan in remembered if server.was_started_with(plan)]
    return next(iter([*served, *half_way, *remembered]), ())
