"""What an entry of `broken_features` says: a mistake, and how the checks say no to it."""

from collections.abc import Mapping
from math import inf
from typing import Literal

from attrs import frozen

from evenrack.lab.fleet import Size

TWO_PROCESSES = Size(region_hosts=1, processes=2, racks=2)
TWO_HOSTS = Size(region_hosts=2, processes=2, racks=4)
"""As many racks as processes."""
TWO_RACKS = Size(region_hosts=1, processes=1, racks=2, vlans=1, clients=1, bmcs=0)
"""One VLAN with a pair."""
TO_BE_CUT = Size(region_hosts=2, processes=1, racks=3, vlans=0, clients=0, bmcs=0)
TWO_VLANS = Size(region_hosts=1, processes=1, racks=2, vlans=2, clients=1, bmcs=0)
"""Roles that two racks can share."""
TO_BE_LOST = Size(region_hosts=1, processes=1, racks=2, vlans=1, clients=1, bmcs=4)
"""A rack with a role and with machines."""
POWER = Size(region_hosts=1, processes=1, racks=2, vlans=0, clients=0, bmcs=12)
"""Many machines: one that is just being asked about takes no order at once."""

Moment = Literal["from the start", "when it is up", "by the check"]
"""When programs begin to have the mistake: all from the start; region processes when the lab is up,
which it would not come with the mistake; or only what the check itself starts."""


@frozen(kw_only=True)
class Broken:
    """A mistake, and the checks that must find it."""

    mistake: str
    """Its function in `region_mistakes`, in `rack_mistakes`, or in both."""
    found_by: Mapping[str, str]
    """The name of each check to what its detail must match."""
    size: Size
    network: bool
    moment: Moment = "from the start"
    most_seconds: float = inf
    """A check that waits much longer than its limit for what never comes is given this limit."""


def without_network(
    mistake: str,
    found_by: Mapping[str, str],
    size: Size = TWO_PROCESSES,
    *,
    moment: Moment = "from the start",
    most_seconds: float = inf,
) -> Broken:
    """Give one that a lab without a network shows."""
    return Broken(
        mistake=mistake,
        found_by=found_by,
        size=size,
        network=False,
        moment=moment,
        most_seconds=most_seconds,
    )


def in_network(
    mistake: str,
    found_by: Mapping[str, str],
    size: Size,
    *,
    moment: Moment = "from the start",
    most_seconds: float = inf,
) -> Broken:
    """Give one that only a lab with a network shows."""
    return Broken(
        mistake=mistake,
        found_by=found_by,
        size=size,
        network=True,
        moment=moment,
        most_seconds=most_seconds,
    )
