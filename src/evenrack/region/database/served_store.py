"""Rows of `dhcp_served`: which racks ever gave away addresses of a VLAN, and who need not wait."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from evenrack.model.dhcp_roles import Newcomer
from evenrack.model.identifiers import ProcessId, RackId, VlanId
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number


def note_served(connection: Connection, vlans: Collection[VlanId]) -> None:
    """Note that every rack that now has these VLANs in its file gives addresses away."""
    if vlans:
        connection.execute(
            text(
                "INSERT INTO dhcp_served (vlan_id, rack_id) SELECT s.vlan_id, r.rack_id "
                "FROM dhcp_service s, unnest(ARRAY[s.primary_rack, s.secondary_rack]) r (rack_id) "
                "WHERE s.vlan_id = ANY(:vlans) AND r.rack_id IS NOT NULL "
                "ON CONFLICT (vlan_id, rack_id) DO UPDATE SET left_at = NULL "
                "WHERE dhcp_served.left_at IS NOT NULL"
            ),
            {"vlans": sorted(vlans)},
        )


def note_left(connection: Connection, vlan: VlanId, racks: Collection[RackId]) -> None:
    """Note that a rack has stopped that was to leave, when only these are to serve the VLAN."""
    connection.execute(
        text(
            "UPDATE dhcp_served h SET left_at = clock_timestamp() FROM dhcp_service s "
            "WHERE s.vlan_id = :vlan AND h.vlan_id = s.vlan_id AND h.rack_id = s.leaving_rack "
            "AND s.leaving_rack <> ALL(:racks)"
        ),
        {"vlan": vlan, "racks": list(racks)},
    )


def note_all_left(connection: Connection, vlan: VlanId) -> None:
    """Note who has stopped by its own word, where nobody is to serve a VLAN until now.

    As after its DHCP was off. A lost rack has not said so: its server may live.
    """
    connection.execute(
        text(
            "UPDATE dhcp_served h SET left_at = clock_timestamp() "
            "FROM rack_dhcp d JOIN managing m ON m.rack_id = d.rack_id "
            "WHERE h.vlan_id = :vlan AND d.rack_id = h.rack_id AND h.left_at IS NULL "
            "AND NOT EXISTS (SELECT FROM dhcp_service WHERE vlan_id = :vlan) "
            "AND NOT EXISTS (SELECT FROM jsonb_array_elements(d.report -> 'vlans') side "
            "WHERE side -> 'vlan' = to_jsonb(h.vlan_id))"
        ),
        {"vlan": vlan},
    )


def read_waiting_newcomers(
    connection: Connection, process: ProcessId
) -> dict[RackId, list[Newcomer]]:
    """Give the racks of this process whose servers wait for mclt, and need not.

    They never served the VLAN, or left it in order: what they had promised their partner knew.
    """
    rows = connection.execute(
        text(
            "SELECT s.vlan_id, m.rack_id, side ->> 'peer' AS peer FROM dhcp_service s "
            "JOIN managing m ON m.rack_id IN (s.primary_rack, s.secondary_rack) "
            "JOIN rack_dhcp d ON d.rack_id = m.rack_id, "
            "jsonb_array_elements(d.report -> 'vlans') side "
            "WHERE NOT s.met AND m.process_id = :process "
            "AND side -> 'vlan' = to_jsonb(s.vlan_id) AND side ->> 'state' = 'recover-wait' "
            "AND side ->> 'peer' IN (s.primary_rack, s.secondary_rack) "
            "AND NOT EXISTS (SELECT FROM dhcp_served h WHERE h.vlan_id = s.vlan_id "
            "AND h.rack_id = m.rack_id AND h.left_at IS NULL) ORDER BY s.vlan_id"
        ),
        {"process": process},
    )
    found: dict[RackId, list[Newcomer]] = {}
    for row in rows:
        newcomer = Newcomer(
            vlan=VlanId(row.vlan_id), rack=RackId(row.rack_id), peer=RackId(row.peer)
        )
        found.setdefault(newcomer.rack, []).append(newcomer)
    return found


def note_wait_ended(connection: Connection, newcomer: Newcomer) -> None:
    """Note that a newcomer's server serves from now on, and tell why it did not wait."""
    inserted = connection.execute(
        text(
            "INSERT INTO dhcp_served (vlan_id, rack_id) SELECT v.id, r.id FROM vlan v, rack r "
            "WHERE v.id = :vlan AND r.id = :rack ON CONFLICT (vlan_id, rack_id) "
            "DO UPDATE SET left_at = NULL WHERE dhcp_served.left_at IS NOT NULL "
            "RETURNING (SELECT name FROM vlan WHERE id = vlan_id) AS vlan, "
            "(SELECT hostname FROM rack WHERE id = rack_id) AS rack"
        ),
        {"vlan": newcomer.vlan, "rack": newcomer.rack},
    ).one_or_none()
    if inserted is not None:
        told = Event(
            kind="dhcp",
            object=f"vlan:{inserted.vlan}",
            text=f"the server of {inserted.rack} does not wait for mclt: what it ever gave away in "
            f"{inserted.vlan} is known to the other one",
        )
        record(connection, [told], current_number(connection))
