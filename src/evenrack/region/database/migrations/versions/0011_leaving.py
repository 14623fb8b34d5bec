"""Which rack is to stop serving a VLAN before another takes its place, and who ever served it."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    "ALTER TABLE dhcp_service ADD COLUMN leaving_rack text REFERENCES rack (id) ON DELETE SET NULL",
    "COMMENT ON COLUMN dhcp_service.leaving_rack IS "
    "'The one of the two that is to stop serving it, before another takes its place.'",
    """
    CREATE TABLE dhcp_served (
        vlan_id integer NOT NULL REFERENCES vlan (id) ON DELETE CASCADE,
        rack_id text NOT NULL REFERENCES rack (id) ON DELETE CASCADE,
        left_at timestamptz,
        PRIMARY KEY (vlan_id, rack_id)
    )
    """,
    "COMMENT ON TABLE dhcp_served IS 'Which racks ever gave away addresses of a VLAN.'",
    "COMMENT ON COLUMN dhcp_served.left_at IS "
    "'When it had stopped, by its own word; none while it serves, or may.'",
    "INSERT INTO dhcp_served (vlan_id, rack_id) SELECT s.vlan_id, r.rack_id FROM dhcp_service s, "
    "unnest(ARRAY[s.primary_rack, s.secondary_rack]) r (rack_id) WHERE r.rack_id IS NOT NULL",
    "UPDATE cluster SET schema_max = 11",
)


def upgrade() -> None:
    """Add both; a program of an older schema lets the rack go on serving."""
    for statement in STATEMENTS:
        op.execute(statement)
