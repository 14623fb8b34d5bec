"""The leases of a VLAN from the files of both racks: pure, one row for each address."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from evenrack.model.dhcp_lease import DhcpLease, LeaseAddress, LeasePage, place_of
from evenrack.model.identifiers import RackId


@frozen(kw_only=True)
class MergedLease:
    """What is known of an address, and who wrote it down."""

    lease: DhcpLease
    """The newest of what was written."""
    racks: tuple[RackId, ...]


@frozen(kw_only=True)
class Merged:
    """Leases in the order of their addresses, as far as all that told are known."""

    leases: tuple[MergedLease, ...]
    told_up_to: LeaseAddress | None
    """Ask again for what comes after it; None when nothing does."""


def merged(pages: Mapping[RackId, LeasePage]) -> Merged:
    """Put together what racks told, all asked for the same addresses.

    Where one has told less than the other, what the other told beyond that has to wait: to show it
    would be to say that the first one does not know it.
    """
    ends = [page.leases[-1].address for page in pages.values() if page.more]
    told_up_to = min(ends, key=place_of) if ends else None
    written: dict[LeaseAddress, dict[RackId, DhcpLease]] = {}
    for rack, page in pages.items():
        for lease in page.leases:
            if told_up_to is None or place_of(lease.address) <= place_of(told_up_to):
                written.setdefault(lease.address, {})[rack] = lease
    return Merged(
        leases=tuple(
            MergedLease(lease=newest(*by_rack.values()), racks=tuple(by_rack))
            for _, by_rack in sorted(written.items(), key=lambda it: place_of(it[0]))
        ),
        told_up_to=told_up_to,
    )


def newest(first: DhcpLease, *others: DhcpLease) -> DhcpLease:
    """Choose the entry that was written last: peers tell each other, but not when one is away.

    By when the client was heard last, as failover itself decides. Of two entries about the same
    request the one that is active no more is the later: a lease ends after it began.
    """
    return max((first, *others), key=_age)  # of equals the first: the primary's


def lease_row(known: MergedLease, names: Mapping[RackId, str]) -> dict[str, Any]:
    """Give its form in answers, with the names of racks."""
    lease = known.lease
    return {
        "address": str(lease.address),
        "state": lease.state,
        "mac": lease.mac,
        "duid": lease.duid,
        "iaid": lease.iaid,
        "hostname": lease.hostname,
        "vendor_class": lease.vendor_class,
        "starts": _moment(lease.starts),
        "ends": _moment(lease.ends),
        "never_ends": lease.never_ends,
        "racks": [names[rack] for rack in known.racks],
    }


def _age(lease: DhcpLease) -> tuple[int, int, bool]:
    return lease.heard or 0, lease.starts or 0, lease.state != "active"


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
