"""Where the addresses of a VLAN run short: pure."""

from attrs import frozen

from evenrack.model.dhcp_report import AddressCount, SideState, VlanReport
from evenrack.model.fleet import Fleet
from evenrack.model.network import Vlan
from evenrack.region.troubles.trouble import Trouble

BETTER_PERCENT = 2
"""What is open is over when it is better by so much: a client more or less changes nothing."""


ALONE_FOR_NOW: SideState = "communications-interrupted"


@frozen(kw_only=True)
class _Level:
    code: str
    percent: int


LEVELS = (_Level(code="PoolNearlyEmpty", percent=5), _Level(code="PoolLow", percent=10))
"""The worst first."""


def of_pool(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give the worst that is true of a VLAN's addresses, by what its connected racks say."""
    left = _left(fleet, vlan) if vlan.dhcp_on else None
    if left is None:
        return []
    where = f"vlan:{vlan.name}"
    for level in LEVELS:
        is_open = (level.code, where) in fleet.open_problems
        percent = level.percent + (BETTER_PERCENT if is_open else 0)
        if 100 * left.free <= percent * left.total:
            affects = f"{vlan.name}: {left.free} of {left.total} addresses are free"
            return [Trouble(code=level.code, object=where, affects=affects)]
    return []


def _left(fleet: Fleet, vlan: Vlan) -> AddressCount | None:
    """Give what a new client may be given; None where nobody tells, or there is no range.

    Servers that do not hear each other give away their own half only.
    """
    where = fleet.served_in(vlan.id)
    service = fleet.services.get(where)
    racks = () if service is None else service.racks
    sides = [fleet.dhcp_side(rack, where) for rack in racks if fleet.is_connected(rack)]
    counts = [(side, side.addresses_of(vlan.id)) for side in sides if side is not None]
    told = [(side, count) for side, count in counts if count is not None]
    if not told or not all(count.total for _, count in told):
        return None
    total = min(count.total for _, count in told)
    heard = [count.free + count.backup for side, count in told if side.state != ALONE_FOR_NOW]
    halves = [_own_half(side, count) for side, count in told]
    return AddressCount(total=total, free=min([*heard, total] if heard else [sum(halves), total]))


def _own_half(side: VlanReport, count: AddressCount) -> int:
    return count.backup if side.role == "secondary" else count.free
