"""Words that a DHCP server is dead for good, so that its peer may take its addresses."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
    CREATE TABLE dhcp_partner_down (
        vlan_id integer PRIMARY KEY REFERENCES vlan (id) ON DELETE CASCADE,
        survivor_rack text NOT NULL REFERENCES rack (id) ON DELETE CASCADE,
        dead_rack text NOT NULL REFERENCES rack (id) ON DELETE CASCADE,
        who text NOT NULL,
        at timestamptz NOT NULL,
        taken_at timestamptz,
        usable_at timestamptz,
        refused text NOT NULL DEFAULT ''
    )
    """,
    "COMMENT ON TABLE dhcp_partner_down IS 'The word that the DHCP server of one rack of a pair is "
    "dead for good, until both are normal again.'",
    "UPDATE cluster SET schema_max = 8",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Make the table, whose changes are noted like those of all tables of the fleet."""
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON dhcp_partner_down "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_change('vlan_id')"
        )
