"""Text of administrators for the configuration of DHCP servers."""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    """
    CREATE TABLE snippet (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CONSTRAINT snippet_name_once UNIQUE,
        level text NOT NULL,
        vlan_id integer REFERENCES vlan (id) ON DELETE CASCADE,
        subnet_id integer REFERENCES subnet (id) ON DELETE CASCADE,
        reservation_id integer REFERENCES reservation (id) ON DELETE CASCADE,
        text text NOT NULL,
        enabled boolean NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL,
        CONSTRAINT snippet_is_of_one CHECK (
            (level = 'global') = (num_nonnulls(vlan_id, subnet_id, reservation_id) = 0)
            AND (level = 'vlan') = (vlan_id IS NOT NULL)
            AND (level IN ('subnet', 'pool')) = (subnet_id IS NOT NULL)
            AND (level = 'host') = (reservation_id IS NOT NULL)
        )
    )
    """,
    "COMMENT ON TABLE snippet IS 'Text of administrators, which stands in dhcpd.conf as it is.'",
    "CREATE INDEX snippet_of_vlan ON snippet (vlan_id)",
    "CREATE INDEX snippet_of_subnet ON snippet (subnet_id)",
    "CREATE INDEX snippet_of_reservation ON snippet (reservation_id)",
    "UPDATE cluster SET schema_max = 15",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Make the table; a program of an older schema makes plans without any of it."""
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON snippet "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_change('')"
        )
