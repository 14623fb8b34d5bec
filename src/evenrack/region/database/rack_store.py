"""Deletes a rack: with it goes all that names it, in one transaction."""

from collections.abc import Collection, Mapping

from attrs import frozen
from sqlalchemy import Connection, text

from evenrack.errors import EvenrackError
from evenrack.model.dhcp_roles import Pair, Service
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, VlanId
from evenrack.region.database.balance_store import delete_drain
from evenrack.region.database.dhcp_store import write_pairs, write_services
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import raise_number
from evenrack.region.database.trust_store import revoke_rack


class FleetMoved(EvenrackError):
    """Something was decided since the fleet was read; nothing was changed."""

    wire_code = b"FLEET_MOVED"


@frozen(kw_only=True)
class Deletion:
    """A rack that is to go, and what becomes of its DHCP roles."""

    rack: RackId
    seen: FleetNumber
    """The number of the fleet from which it was decided."""
    pairs: Mapping[VlanId, Pair | None]
    services: Mapping[VlanId, Service | None]
    event: Event


@frozen(kw_only=True)
class Deleted:
    """What was done."""

    number: FleetNumber
    certificates: int
    """How many were good until then."""


def delete_rack(connection: Connection, deletion: Deletion) -> Deleted:
    """Delete it, and shut it out; FleetMoved when assignments or orders are others by now.

    Its certificates stay as revoked ones: by them every process cuts its links, and knows that it
    must not be entered again. An order that it had not begun goes to another rack.
    """
    rack = deletion.rack
    number = raise_number(connection)  # the leader waits: what was read is what is written
    if number != FleetNumber(deletion.seen.era, deletion.seen.generation + 1):
        raise FleetMoved(f"the fleet is at {number} by now")
    certificates = revoke_rack(connection, rack)
    _free_orders(connection, rack)
    write_pairs(connection, deletion.pairs, number)
    write_services(connection, deletion.services, number)
    delete_drain(connection, "rack", rack)
    _delete_rows(connection, rack)
    record(connection, [deletion.event], number)
    return Deleted(number=number, certificates=certificates)


def are_all_there(connection: Connection, racks: Collection[RackId]) -> bool:
    """Tell whether none of these racks was deleted; no more are while the fleet's row is locked."""
    found = connection.execute(
        text("SELECT count(*) FROM rack WHERE id = ANY(:racks)"), {"racks": list(racks)}
    ).scalar_one()
    return bool(found == len(racks))


def _free_orders(connection: Connection, rack: RackId) -> None:
    begun = connection.execute(
        text(
            "UPDATE power_order SET rack_id = NULL, "
            "attempt = attempt + CASE WHEN result IS NULL THEN 1 ELSE 0 END "
            "WHERE rack_id = :rack RETURNING result IS NULL AND phase <> 'NEW'"
        ),
        {"rack": rack},
    )
    if any(begun.scalars()):
        raise FleetMoved("the rack has begun with a power order")


def _delete_rows(connection: Connection, rack: RackId) -> None:
    connection.execute(text("SELECT FROM rack WHERE id = :rack FOR UPDATE"), {"rack": rack})
    for table in ("connection", "managing", "bmc_owner"):
        connection.execute(
            text(f"DELETE FROM {table} WHERE rack_id = :rack"),  # noqa: S608  three known names
            {"rack": rack},
        )
    connection.execute(
        text("DELETE FROM problem WHERE object = :object"), {"object": f"rack:{rack}"}
    )
    connection.execute(text("DELETE FROM rack WHERE id = :rack"), {"rack": rack})
