"""How a session with a BMC is asked for: its own key, a privilege, and the firmware it starts."""

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = (
    """
    ALTER TABLE bmc
        ADD COLUMN privilege text NOT NULL DEFAULT 'operator',
        ADD COLUMN boot_type text NOT NULL DEFAULT 'uefi',
        ADD COLUMN k_g bytea
    """,
    "COMMENT ON TABLE bmc IS 'What switches machines; passwords and keys are sealed with a key of "
    "the key file.'",
    "COMMENT ON COLUMN bmc.privilege IS 'What is asked of the BMC for a session: user, operator "
    "or administrator.'",
    "COMMENT ON COLUMN bmc.boot_type IS 'The firmware for which a boot device is set: uefi or "
    "legacy.'",
    "COMMENT ON COLUMN bmc.k_g IS 'The key of the BMC, sealed with a key of the key file; null "
    "for none.'",
    "UPDATE cluster SET schema_max = 18",
)


def upgrade() -> None:
    """Add the columns; a region of an older schema gives no order to a BMC with `ipmi`."""
    for statement in STATEMENTS:
        op.execute(statement)
