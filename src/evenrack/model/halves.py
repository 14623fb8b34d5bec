"""Which half of each IPv6 range a rack of a pair gives away: pure.

DHCPv6 has no failover: no server knows what the other one gave away. So each half is one rack's.
It stays that when the roles of the pair are exchanged, and when the rack is alone later
(docs/decisions/0020).
"""

from ipaddress import IPv6Address

from attrs import evolve

from evenrack.model.dhcp_roles import Service
from evenrack.model.identifiers import RackId
from evenrack.model.network6 import Half

Span = tuple[IPv6Address, IPv6Address]
"""The first and the last address; both belong to it."""


def half_of(service: Service, rack: RackId) -> Half:
    """Say which half this rack, one of the servers, gives away."""
    lower = _lower(service)
    if lower is None:
        return "whole"
    return "lower" if rack == lower else "upper"


def is_held(service: Service, rack: RackId) -> bool:
    """Tell whether another one gave away addresses of the half that this rack has now."""
    return rack == service.held


def with_halves(
    before: Service | None, after: Service, *, has_ipv6: bool, becomes_pair: bool = False
) -> Service:
    """Give a service with whose half is which: each rack that stays keeps its own.

    One that begins alone and `becomes_pair` at once never gives the upper half away. Who comes
    later takes the half that is left, and holds it back for a while if somebody had it before.
    Where the VLAN `has_ipv6` not, nobody had any of it.
    """
    if before is None:
        return evolve(after, lower=after.primary.rack if becomes_pair else None, held=None)
    lower = _lower(before)
    gone = [rack for rack in before.racks if rack not in after.racks]
    newcomer = next((rack for rack in after.racks if rack not in before.racks), None)
    if after.secondary is None and not has_ipv6:
        return evolve(after, lower=before.lower if before.secondary is None else None, held=None)
    if newcomer is None or after.secondary is None:
        # who is left alone has its own half: clients of the other one may have the rest, and
        # that half, too, where it is held
        waits = before.held in after.racks or not gone
        return evolve(after, lower=lower, held=before.held if waits else gone[0])
    stays = next(rack for rack in after.racks if rack != newcomer)
    was_given = lower is None or before.held is not None or bool(gone)
    return evolve(
        after,
        lower=stays if lower in {None, stays} else newcomer,
        held=newcomer if was_given and has_ipv6 else None,
    )


def _lower(service: Service) -> RackId | None:
    """Say who has the lower half; a program from before IPv6 may have made or changed the pair."""
    if service.secondary is not None and service.lower not in service.racks:
        return service.primary.rack
    return service.lower


def split(span: Span) -> tuple[Span, Span | None]:
    """Give the lower half of a range, which has the one address that may be over, and the upper.

    A range of one address has no upper half.
    """
    first, last = span
    middle = IPv6Address((int(first) + int(last)) // 2)
    return (first, middle), (None if middle == last else (middle + 1, last))


def spans_of(span: Span, half: Half) -> tuple[Span, ...]:
    """Give what of a range is given away by who has this half.

    Who has all of it gives the lower half away first: dhcpd takes the first range that has a free
    address, so that the upper one mostly is nobody's when a second rack comes.
    """
    lower, upper = split(span)
    parts: dict[Half, tuple[Span | None, ...]] = {
        "whole": (lower, upper),
        "lower": (lower,),
        "upper": (upper,),
        "none": (),
    }
    return tuple(part for part in parts[half] if part is not None)
