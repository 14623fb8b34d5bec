"""VLANs that another one relays, and in whose files they stand by now."""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    "ALTER TABLE vlan ADD COLUMN relay_vlan integer "
    "CONSTRAINT vlan_relayed_by_one REFERENCES vlan (id)",
    "COMMENT ON COLUMN vlan.relay_vlan IS "
    "'The VLAN whose racks serve this one: it relays what the clients ask.'",
    """
    CREATE TABLE dhcp_relayed (
        vlan_id integer PRIMARY KEY REFERENCES vlan (id) ON DELETE CASCADE,
        by_vlan integer NOT NULL REFERENCES vlan (id) ON DELETE CASCADE
    )
    """,
    "COMMENT ON TABLE dhcp_relayed IS "
    "'Which VLANs stand in the files of the servers of another one. They follow vlan.relay_vlan "
    "when nobody else serves them any more.'",
    "UPDATE cluster SET schema_max = 14",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Add both; a program of an older schema gives a relayed VLAN racks of its own."""
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON dhcp_relayed "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_change('vlan_id')"
        )
