"""Where the IPv6 addresses of a VLAN run short, in all or in the half of one rack: pure."""

from collections.abc import Iterator, Mapping

from evenrack.model.dhcp_report import Ipv6Addresses, SideState
from evenrack.model.fleet import Fleet
from evenrack.model.free_in_words import free_in_words
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan
from evenrack.region.troubles.pool_troubles import BETTER_PERCENT
from evenrack.region.troubles.trouble import Trouble

POOL_LEVELS = (("Ipv6PoolNearlyEmpty", 5), ("Ipv6PoolLow", 10))
"""Of all that is given away, in per cent, the worst first."""

HALF_CODE = "Ipv6HalfLow"
HALF_PERCENT = 10
CODES = (*(code for code, _ in POOL_LEVELS), HALF_CODE)

LOST_SECONDS = 60.0
"""A daemon that restarts is back by then; its dhcpd went on meanwhile."""

WITHOUT_PARTNER: frozenset[SideState] = frozenset({"communications-interrupted", "partner-down"})


def halves_given(fleet: Fleet, vlan: VlanId) -> Mapping[RackId, Ipv6Addresses] | None:
    """Give what is left of each half of which new clients are given addresses now.

    That of a rack which is gone, does not serve or still holds its half back is none. None while a
    rack does not tell: its daemon is away, or has not counted yet, and its dhcpd goes on.
    """
    where = fleet.served_in(vlan)
    service = fleet.services.get(where)
    given = {}
    for rack in () if service is None else service.racks:
        if _is_gone(fleet, rack, where):
            continue
        report = fleet.dhcp_side(rack, where) if fleet.is_connected(rack) else None
        side = None if report is None else report.ipv6
        if side is None:
            return None
        if side.running and not side.held:
            half = side.addresses_of(vlan)
            if half is None:
                return None
            given[rack] = half
    return given


def _is_gone(fleet: Fleet, rack: RackId, where: VlanId) -> bool:
    """Tell whether more is gone than the daemon: by its partner, else by the time."""
    if fleet.is_connected(rack):
        return False
    others = (it for it in fleet.services[where].racks if fleet.is_connected(it))
    sides = (fleet.dhcp_side(other, where) for other in others)
    states = {side.state for side in sides if side is not None}
    if "normal" in states or states & WITHOUT_PARTNER:
        return "normal" not in states
    lost = fleet.open_problems.get(("RackLost", f"rack:{rack}"))
    if lost is None or fleet.read_at is None:
        return False
    return (fleet.read_at - lost).total_seconds() >= LOST_SECONDS


def ipv6_left(fleet: Fleet, vlan: VlanId) -> Ipv6Addresses | None:
    """Give what new clients may be given, by all racks together; None where one does not tell."""
    return _sum(vlan, halves_given(fleet, vlan) or {})


def _sum(vlan: VlanId, halves: Mapping[RackId, Ipv6Addresses]) -> Ipv6Addresses | None:
    if not halves:
        return None
    total = sum(half.total for half in halves.values())
    return Ipv6Addresses(vlan=vlan, total=total, free=sum(half.free for half in halves.values()))


def of_pool6(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give the worst that is true of a VLAN's IPv6 addresses, by what its racks say.

    What is open stays open while one of them does not tell, and nothing new is found.
    """
    if not vlan.dhcp_on or not any(net.allow_unknown and net.ranges for net in vlan.subnets6):
        return []
    where = f"vlan:{vlan.name}"
    halves = halves_given(fleet, vlan.id)
    if halves is None:
        affects = f"{vlan.name}: as counted before; not every rack tells now what is left"
        kept = [code for code in CODES if (code, where) in fleet.open_problems]
        return [Trouble(code=code, object=where, affects=affects) for code in kept]
    left = _sum(vlan.id, halves)
    if left is None:
        return []
    for code, percent in POOL_LEVELS:
        if _is_low(fleet, left, (code, where), percent):
            shares = ", ".join(_shares(fleet, halves))
            affects = f"{vlan.name}: {_free(left)} IPv6 addresses are free ({shares})"
            return [Trouble(code=code, object=where, affects=affects)]
    low = {
        rack: half
        for rack, half in halves.items()
        if _is_low(fleet, half, (HALF_CODE, where), HALF_PERCENT)
    }
    if not low:
        return []
    affects = f"{vlan.name}: of its half of the IPv6 addresses {' and '.join(_has(fleet, low))}"
    return [Trouble(code=HALF_CODE, object=where, affects=affects)]


def _is_low(fleet: Fleet, left: Ipv6Addresses, key: tuple[str, str], percent: int) -> bool:
    most = percent + (BETTER_PERCENT if key in fleet.open_problems else 0)
    return left.total > 0 and 100 * left.free <= most * left.total


def _free(left: Ipv6Addresses) -> str:
    return free_in_words(left.free, left.total)


def _shares(fleet: Fleet, halves: Mapping[RackId, Ipv6Addresses]) -> Iterator[str]:
    return (f"{_name(fleet, rack)}: {_free(half)}" for rack, half in halves.items())


def _has(fleet: Fleet, halves: Mapping[RackId, Ipv6Addresses]) -> Iterator[str]:
    return (f"{_name(fleet, rack)} has {_free(half)} free" for rack, half in halves.items())


def _name(fleet: Fleet, rack: RackId) -> str:
    known = fleet.racks.get(rack)
    return rack if known is None else known.hostname
