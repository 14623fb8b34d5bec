"""What has changed, noted by the tables themselves: no writer can forget it."""

from alembic import op

revision = "0005"
down_revision = "0004"

KEYS = {
    "region": "",
    "rack": "id",
    "connection": "rack_id",
    "managing": "rack_id",
    "rack_interface": "rack_id",
    "rack_dhcp": "rack_id",
    "problem": "",
    "vlan": "",
    "subnet": "",
    "ip_range": "",
    "reservation": "",
    "dhcp_pair": "vlan_id",
    "dhcp_service": "vlan_id",
    "bmc": "id",
    "bmc_reach": "bmc_id",
    "bmc_owner": "bmc_id",
}
"""Table to the column that tells what changed; none where the table is read as a whole."""

STATEMENTS = (
    """
    CREATE TABLE change (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subject text NOT NULL,
        key text NOT NULL,
        xid bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
    )
    """,
    "COMMENT ON TABLE change IS 'Which row (by its key) of which table (its subject) changed in "
    "which transaction; written by triggers.'",
    "CREATE INDEX change_of_transaction ON change (xid)",
    """
    CREATE TABLE change_pruned (
        id integer PRIMARY KEY CONSTRAINT change_pruned_is_one CHECK (id = 1),
        below bigint NOT NULL
    )
    """,
    "COMMENT ON TABLE change_pruned IS "
    "'One row: of transactions below this one, changes are not kept any more.'",
    """
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_ARGV[0] = '' THEN
            INSERT INTO change (subject, key)
            SELECT TG_TABLE_NAME, '' WHERE EXISTS (SELECT FROM changed);
        ELSE
            EXECUTE format(
                'INSERT INTO change (subject, key) SELECT DISTINCT %L, %I::text FROM changed',
                TG_TABLE_NAME, TG_ARGV[0]
            );
        END IF;
        RETURN NULL;
    END $$
    """,
    "UPDATE cluster SET schema_max = 5",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Make the tables and the triggers; programs of older schemas go on, and change rows noted."""
    for statement in STATEMENTS:
        op.execute(statement)
    for table, key in KEYS.items():
        for deed, rows in ROWS_OF.items():
            op.execute(
                f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON {table} "
                f"REFERENCING {rows} TABLE AS changed "
                f"FOR EACH STATEMENT EXECUTE FUNCTION note_change('{key}')"
            )
