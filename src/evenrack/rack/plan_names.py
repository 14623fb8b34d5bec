"""The names of the DHCP plans that a rack has to do with, each made once: pure."""

from evenrack.model.dhcp_plan import DhcpPlan, dhcp_fingerprint

_REMEMBERED = 4
"""What is wanted, checked, applied, and went wrong."""


class PlanNames:
    """Names a plan as `dhcp_fingerprint` does, which reads all of it."""

    def __init__(self) -> None:
        self._known: list[tuple[DhcpPlan, str]] = []

    def of(self, plan: DhcpPlan) -> str:
        """Name this plan."""
        if not plan:
            return ""
        for known, name in self._known:
            if known is plan:
                return name
        name = dhcp_fingerprint(plan)
        self._known = [(plan, name), *self._known][:_REMEMBERED]
        return name

    def same(self, one: DhcpPlan, other: DhcpPlan) -> bool:
        """Tell whether two plans are equal, without reading them again."""
        return self.of(one) == self.of(other)
