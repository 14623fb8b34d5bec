"""Where the IPv6 addresses of a VLAN run short, in all or in the half of one rack: pure."""

from collections.abc import Iterator, Mapping

from evenrack.model.dhcp_report import Ipv6Addresses, Ipv6Side
from evenrack.model.fleet import Fleet
from evenrack.model.free_in_words import free_in_words
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.network import Vlan
from evenrack.region.pool_troubles import BETTER_PERCENT
from evenrack.region.trouble import Trouble

POOL_LEVELS = (("Ipv6PoolNearlyEmpty", 5), ("Ipv6PoolLow", 10))
"""Of all that is given away, in per cent, the worst first."""

HALF_CODE = "Ipv6HalfLow"
HALF_PERCENT = 10


def halves_given(fleet: Fleet, vlan: VlanId) -> Mapping[RackId, Ipv6Addresses | None]:
    """Give what is left of each half of which new clients are given addresses now.

    That of a rack which is lost, does not serve or still holds its half back is none. None where
    the rack does not tell.
    """
    where = fleet.served_in(vlan)
    service = fleet.services.get(where)
    racks = () if service is None else service.racks
    sides = ((rack, _serving_side(fleet, rack, where)) for rack in racks)
    return {rack: side.addresses_of(vlan) for rack, side in sides if side is not None}


def _serving_side(fleet: Fleet, rack: RackId, where: VlanId) -> Ipv6Side | None:
    report = fleet.dhcp_side(rack, where) if fleet.is_connected(rack) else None
    side = None if report is None else report.ipv6
    return side if side is not None and side.running and not side.held else None


def ipv6_left(fleet: Fleet, vlan: VlanId) -> Ipv6Addresses | None:
    """Give what new clients may be given, by all racks together; None where one does not tell."""
    told = list(halves_given(fleet, vlan).values())
    known = [half for half in told if half is not None]
    if not known or len(known) < len(told):
        return None
    return Ipv6Addresses(
        vlan=vlan, total=sum(half.total for half in known), free=sum(half.free for half in known)
    )


def of_pool6(fleet: Fleet, vlan: Vlan) -> list[Trouble]:
    """Give the worst that is true of a VLAN's IPv6 addresses, by what its racks say."""
    if not vlan.dhcp_on:
        return []
    where = f"vlan:{vlan.name}"
    halves = {rack: half for rack, half in halves_given(fleet, vlan.id).items() if half is not None}
    left = ipv6_left(fleet, vlan.id)
    if left is not None:
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
