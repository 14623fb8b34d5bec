"""What the ranges of a network must fulfil, whichever family it is of."""

from collections.abc import Callable, Iterator
from typing import Any

from evenrack.model.findings import Finding, found, place_of
from evenrack.model.network import Range, Subnet
from evenrack.model.network6 import Range6, Subnet6

ProblemIn = Callable[[Any, Any], str | None]
"""Says what is wrong with an address in a network of its family."""


def about_ranges(
    subnet: Subnet | Subnet6, problem_in: ProblemIn, *, most: int | None = None
) -> Iterator[Finding]:
    """Find what is wrong with the ranges of one subnet; each has at most so many addresses."""
    ranges: tuple[Range | Range6, ...] = (*subnet.ranges, *subnet.reserved_ranges)
    for each in ranges:
        yield from _about_range(subnet, each, problem_in)
        if most is not None and _length(each) > most:
            yield found(
                f"{_name(each)}: a range has at most {most} addresses; make it smaller",
                place_of("range", each, "last"),
            )
    forward = sorted((it for it in ranges if _length(it) > 0), key=lambda it: int(it.first))
    farthest: Range | Range6 | None = None
    for each in forward:
        if farthest is not None and int(each.first) <= int(farthest.last):
            yield found(
                f"{_name(each)}: it overlaps {farthest.first}-{farthest.last}; "
                "choose addresses that are in one of the two",
                place_of("range", each, "first"),
                place_of("range", farthest, "last"),
            )
        if farthest is None or int(each.last) > int(farthest.last):
            farthest = each


def _about_range(
    subnet: Subnet | Subnet6, each: Range | Range6, problem_in: ProblemIn
) -> Iterator[Finding]:
    for field, address in (("first", each.first), ("last", each.last)):
        problem = problem_in(subnet.cidr, address)
        if problem is not None:
            yield found(
                f"{_name(each)}: {address} {problem}; choose its {field} address in it",
                place_of("range", each, field),
                place_of("subnet", subnet, "cidr"),
            )
    if _length(each) <= 0:
        yield found(
            f"{_name(each)}: it ends before it begins; exchange the two addresses",
            place_of("range", each, "last"),
        )


def _name(each: Range | Range6) -> str:
    return f"range {each.first}-{each.last}"


def _length(each: Range | Range6) -> int:
    return int(each.last) - int(each.first) + 1
