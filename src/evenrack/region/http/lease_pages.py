"""The address of the leases of a VLAN: both racks of its pair are asked while the request waits."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Final

from evenrack.model.dhcp_lease import LEASE_STATES, LeaseAddress
from evenrack.model.fleet import Fleet
from evenrack.model.network import Vlan
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import Query
from evenrack.region.http.operations import (
    Asked,
    Declared,
    Operation,
    limit_up_to,
    text_read_by,
    yes_or_no,
)
from evenrack.region.http.shapes import BOOLEAN, COUNT, TEXT, TIME, object_of, rows_of, word_of
from evenrack.region.links.rack_asking import AskLeases
from evenrack.region.views.lease_listing import LeaseListing
from evenrack.region.views.lease_merging import lease_row

MOST_IN_A_LIST: Final = 1_000

FindVlan = Callable[[str], Awaitable[tuple[Fleet, Vlan]]]
"""Finds a VLAN by its name or id; HttpProblem 404."""

_LEASE = object_of(
    address=TEXT,
    state=word_of(*sorted(LEASE_STATES)),
    mac=or_null(TEXT),
    duid=or_null(TEXT),
    iaid=or_null(COUNT),
    hostname=or_null(TEXT),
    vendor_class=or_null(TEXT),
    starts=or_null(TIME),
    ends=or_null(TIME),
    never_ends=BOOLEAN,
    racks=rows_of(TEXT),
)

_SIDE = object_of(rack=TEXT, told=BOOLEAN, why=or_null(TEXT))


def _address(text: str) -> LeaseAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise ValueError("an IPv4 or IPv6 address is needed") from None


_READ = Operation(
    summary="List the leases of a VLAN as both of its racks know them, in the order of addresses",
    arguments={
        "after": text_read_by(
            _address,
            {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
            "only those with a higher address; `next` says which",
        ),
        "limit": limit_up_to(MOST_IN_A_LIST),
        "all": yes_or_no("those that are not active, too"),
    },
    answer=object_of(vlan=TEXT, leases=rows_of(_LEASE), next=or_null(TEXT), sides=rows_of(_SIDE)),
)


def leases_of(vlan: str, find: FindVlan, ask: AskLeases) -> Declared:
    """Declare the list of the leases of one VLAN."""

    async def answer(_query: Query, asked: Asked) -> dict[str, Any]:
        fleet, known = await find(vlan)
        service = fleet.services.get(fleet.served_in(known.id))
        racks = () if service is None else service.racks
        listing = LeaseListing(
            sides={rack: fleet.racks[rack].hostname for rack in racks if rack in fleet.racks},
            vlan=known,
            ask=ask,
            every_state=asked.arguments["all"],
        )
        found, goes_on_after = await listing.read(
            asked.arguments["after"], asked.arguments["limit"]
        )
        return {
            "vlan": known.name,
            "leases": [lease_row(each, listing.sides) for each in found],
            "next": None if goes_on_after is None else str(goes_on_after),
            "sides": listing.told(),
        }

    return Declared(operation=_READ, answer=answer)
