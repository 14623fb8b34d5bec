"""Rows of `dhcp_partner_down`: words that a server is dead, and what came of them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select, text

from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.database.dhcp_tables import dhcp_partner_down
from evenrack.region.database.fleet_keys import Wanted, named
from evenrack.region.database.notify import notify

MARGIN_SECONDS = 2
"""dhcpd took the addresses of its partner 1.4 s after its mclt."""


def read_partner_downs(
    connection: Connection, of: Wanted[VlanId] = None
) -> dict[VlanId, PartnerDown]:
    """Give the words that were given, of these VLANs only if any are named."""
    rows = connection.execute(
        select(dhcp_partner_down)
        .where(*named(dhcp_partner_down.c.vlan_id, of))
        .order_by(dhcp_partner_down.c.vlan_id)
    )
    return {VlanId(row.vlan_id): _word(row) for row in rows}


def read_taken_over(connection: Connection) -> frozenset[VlanId]:
    """Give the VLANs whose survivor gives away all free addresses by now."""
    rows = connection.execute(
        text("SELECT vlan_id FROM dhcp_partner_down WHERE usable_at <= clock_timestamp()")
    )
    return frozenset(VlanId(row.vlan_id) for row in rows)


def read_untaken(connection: Connection, process: ProcessId) -> dict[RackId, list[PartnerDown]]:
    """Give the words that each rack which this process manages has not taken yet."""
    rows = connection.execute(
        text(
            "SELECT d.* FROM dhcp_partner_down d JOIN managing m ON m.rack_id = d.survivor_rack "
            "WHERE m.process_id = :process AND d.taken_at IS NULL ORDER BY d.vlan_id"
        ),
        {"process": process},
    )
    found: dict[RackId, list[PartnerDown]] = {}
    for row in rows:
        found.setdefault(RackId(row.survivor_rack), []).append(_word(row))
    return found


def write_partner_down(
    connection: Connection,
    vlan: VlanId,
    *,
    survivor: RackId,
    dead: RackId,
    who: str,
    by_evidence: bool = False,
) -> None:
    """Give the word. One that was given before about the same rack stays as it is.

    One about the other rack that was not taken is replaced: it was wrong, or is not wanted. So is
    one that was given by evidence: an operator's needs none.
    """
    connection.execute(
        text(
            "INSERT INTO dhcp_partner_down "
            "(vlan_id, survivor_rack, dead_rack, who, at, by_evidence) "
            "VALUES (:vlan, :survivor, :dead, :who, clock_timestamp(), :by_evidence) "
            "ON CONFLICT (vlan_id) DO UPDATE SET survivor_rack = excluded.survivor_rack, "
            "dead_rack = excluded.dead_rack, who = excluded.who, at = excluded.at, "
            "taken_at = NULL, usable_at = NULL, refused = '', by_evidence = excluded.by_evidence "
            "WHERE dhcp_partner_down.survivor_rack <> excluded.survivor_rack "
            "OR (dhcp_partner_down.by_evidence AND dhcp_partner_down.taken_at IS NULL)"
        ),
        {
            "vlan": vlan,
            "survivor": survivor,
            "dead": dead,
            "who": who,
            "by_evidence": by_evidence,
        },
    )


def note_taken(connection: Connection, word: PartnerDown, *, mclt_seconds: int) -> None:
    """Note that the survivor's server is in `partner-down`, and when that takes its effect.

    So it is also where the word was taken back while the rack was told: without it nobody could
    ever take the dead one's place.
    """
    changed = connection.execute(
        text(
            "INSERT INTO dhcp_partner_down "
            "(vlan_id, survivor_rack, dead_rack, who, at, by_evidence, taken_at, usable_at) "
            "SELECT v.id, s.id, d.id, :who, :at, :by_evidence, clock_timestamp(), "
            "clock_timestamp() + make_interval(secs => :seconds) FROM vlan v, rack s, rack d "
            "WHERE (v.id, s.id, d.id) = (:vlan, :survivor, :dead) "
            "ON CONFLICT (vlan_id) DO UPDATE SET taken_at = excluded.taken_at, refused = '', "
            "usable_at = excluded.usable_at WHERE dhcp_partner_down.taken_at IS NULL "
            "AND dhcp_partner_down.survivor_rack = excluded.survivor_rack"
        ),
        {
            "vlan": word.vlan,
            "survivor": word.survivor,
            "dead": word.dead,
            "who": word.who,
            "at": word.at,
            "by_evidence": word.by_evidence,
            "seconds": mclt_seconds + MARGIN_SECONDS,
        },
    )
    if changed.rowcount:
        notify(connection, "racks")


def note_refused(connection: Connection, word: PartnerDown, why: str) -> None:
    """Note why the survivor did not take the word."""
    connection.execute(
        text(
            "UPDATE dhcp_partner_down SET refused = :why WHERE vlan_id = :vlan "
            "AND survivor_rack = :survivor AND taken_at IS NULL AND refused <> :why"
        ),
        {"vlan": word.vlan, "survivor": word.survivor, "why": why},
    )


def end_partner_downs(connection: Connection, vlans: Collection[VlanId]) -> None:
    """Forget the words for these VLANs."""
    if vlans:
        connection.execute(
            text("DELETE FROM dhcp_partner_down WHERE vlan_id = ANY(:vlans)"),
            {"vlans": sorted(vlans)},
        )


def take_back(connection: Connection, vlans: Collection[VlanId]) -> None:
    """Forget the words that were given by evidence, unless a server follows them by now.

    One that an operator has given in its place since they were read stays, too.
    """
    if vlans:
        connection.execute(
            text(
                "DELETE FROM dhcp_partner_down WHERE vlan_id = ANY(:vlans) "
                "AND by_evidence AND taken_at IS NULL"
            ),
            {"vlans": sorted(vlans)},
        )


def _word(row: Any) -> PartnerDown:
    return PartnerDown(
        vlan=VlanId(row.vlan_id),
        survivor=RackId(row.survivor_rack),
        dead=RackId(row.dead_rack),
        who=row.who,
        at=row.at,
        taken_at=row.taken_at,
        usable_at=row.usable_at,
        by_evidence=row.by_evidence,
        refused=row.refused,
    )
