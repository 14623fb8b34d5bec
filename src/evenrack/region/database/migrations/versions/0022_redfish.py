"""How a Redfish service is asked: its login, which of its systems, and whose certificate it has."""

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS = (
    """
    ALTER TABLE bmc
        ADD COLUMN login text NOT NULL DEFAULT 'session',
        ADD COLUMN system text,
        ADD COLUMN certificate_sha256 text,
        ADD COLUMN certificate_name text
    """,
    "COMMENT ON COLUMN bmc.login IS 'How a Redfish service is told who asks: session or basic.'",
    "COMMENT ON COLUMN bmc.system IS 'Which system of a Redfish service; null for the only one.'",
    "COMMENT ON COLUMN bmc.certificate_sha256 IS 'The fingerprint of its certificate; null where "
    "an authority has signed that.'",
    "COMMENT ON COLUMN bmc.certificate_name IS 'The name in a certificate that an authority has "
    "signed; null for the address.'",
    "UPDATE cluster SET schema_max = 22",
)


def upgrade() -> None:
    """Add the columns; a region of an older schema reads everything until a BMC has `redfish`."""
    for statement in STATEMENTS:
        op.execute(statement)
