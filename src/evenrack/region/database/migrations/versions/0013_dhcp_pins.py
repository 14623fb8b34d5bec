"""Which racks an operator named for the roles of a VLAN."""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    """
    CREATE TABLE dhcp_pin (
        vlan_id integer PRIMARY KEY REFERENCES vlan (id) ON DELETE CASCADE,
        primary_rack text REFERENCES rack (id) ON DELETE SET NULL,
        secondary_rack text REFERENCES rack (id) ON DELETE SET NULL
    )
    """,
    "COMMENT ON TABLE dhcp_pin IS 'The racks that an operator named for the roles of a VLAN: each "
    "has its role whenever it can.'",
    "UPDATE cluster SET schema_max = 13",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Make the table, whose changes are noted; a leader of an older schema ignores the names."""
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON dhcp_pin "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_change('vlan_id')"
        )
