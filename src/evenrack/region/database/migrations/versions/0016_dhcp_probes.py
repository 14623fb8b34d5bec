"""What racks find out about the hosts of lost DHCP servers."""

from alembic import op

revision = "0016"
down_revision = "0015"

STATEMENTS = (
    """
    CREATE TABLE dhcp_probe (
        vlan_id integer NOT NULL REFERENCES vlan (id) ON DELETE CASCADE,
        asked_rack text NOT NULL REFERENCES rack (id) ON DELETE CASCADE,
        target_rack text NOT NULL REFERENCES rack (id) ON DELETE CASCADE,
        address text NOT NULL,
        found text,
        why text NOT NULL DEFAULT '',
        answered_at timestamptz,
        PRIMARY KEY (vlan_id, asked_rack, target_rack),
        CONSTRAINT dhcp_probe_is_answered CHECK ((found IS NULL) = (answered_at IS NULL))
    )
    """,
    "COMMENT ON TABLE dhcp_probe IS 'Which racks are to find out whether the host of a DHCP server "
    "runs, and what each found last.'",
    "ALTER TABLE dhcp_partner_down ADD COLUMN by_evidence boolean NOT NULL DEFAULT false",
    "COMMENT ON COLUMN dhcp_partner_down.by_evidence IS 'The leader said so, by what racks found "
    "out: it is over as soon as that is not so any more, unless it was taken.'",
    "UPDATE cluster SET schema_max = 16",
)
ROWS_OF = {"INSERT": "NEW", "DELETE": "OLD"}
"""Answers come every ten seconds, and are read by whoever knows that there are rows."""


def upgrade() -> None:
    """Make the table; it is noted which rows there are, not what is in them."""
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON dhcp_probe "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_change('vlan_id')"
        )
