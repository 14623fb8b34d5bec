"""Which VLAN an operator says that an interface of a rack is on."""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = (
    """
    CREATE TABLE rack_interface_vlan (
        rack_id text REFERENCES rack (id) ON DELETE CASCADE,
        name text,
        vlan_id integer REFERENCES vlan (id) ON DELETE CASCADE,
        PRIMARY KEY (rack_id, name)
    )
    """,
    "COMMENT ON TABLE rack_interface_vlan IS 'The VLAN that an operator says an interface is on; "
    "null: on none. Of other interfaces their addresses say it.'",
    """
    CREATE FUNCTION note_interface_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO change (subject, key)
        SELECT DISTINCT 'rack_interface', rack_id FROM changed;
        RETURN NULL;
    END $$
    """,
    "UPDATE cluster SET schema_max = 20",
)
ROWS_OF = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    """Make the table; its changes are such of the rack's interfaces.

    A leader of an older schema goes by addresses only.
    """
    for statement in STATEMENTS:
        op.execute(statement)
    for deed, rows in ROWS_OF.items():
        op.execute(
            f"CREATE TRIGGER note_{deed.lower()} AFTER {deed} ON rack_interface_vlan "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_interface_change()"
        )
