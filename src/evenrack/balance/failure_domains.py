"""Which racks fail together: pure."""

from collections.abc import Sequence

from evenrack.model.dhcp_roles import Pair
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId


def domain_of(fleet: Fleet, rack: RackId) -> str:
    """Name what a rack fails together with; empty for one that fails alone, or is not known."""
    known = fleet.racks.get(rack)
    return "" if known is None else known.failure_domain


def fail_together(fleet: Fleet, one: RackId, other: RackId) -> bool:
    """Tell whether two racks are in one failure domain."""
    domain = domain_of(fleet, one)
    return bool(domain) and domain == domain_of(fleet, other)


def apart_from(fleet: Fleet, rack: RackId, others: Sequence[RackId]) -> Sequence[RackId]:
    """Give those of the others that do not fail together with a rack; all, if there are none."""
    return [other for other in others if not fail_together(fleet, rack, other)] or others


def who_would_be_apart(fleet: Fleet, vlan: VlanId, pair: Pair) -> RackId | None:
    """Name a rack that could be the secondary, and does not fail together with the primary.

    Of several that with the least id; None when there is none.
    """
    racks = fleet.attached.get(vlan, {})
    able = (r for r in racks if fleet.is_connected(r) and r not in fleet.draining)
    apart = (r for r in able if r not in pair.racks and not fail_together(fleet, r, pair.primary))
    return next(apart, None)
