"""IPv6: machines that are known by their DUID, and which rack gives which half of a range away."""

from alembic import op

revision = "0021"
down_revision = "0020"

STATEMENTS = (
    """
    ALTER TABLE reservation
        ALTER COLUMN mac DROP NOT NULL,
        ADD COLUMN duid text,
        ADD CONSTRAINT reservation_is_of_one CHECK (num_nonnulls(mac, duid) = 1)
    """,
    "COMMENT ON COLUMN reservation.duid IS "
    "'What the machine calls itself in DHCPv6; none with a mac.'",
    "ALTER TABLE dhcp_service ADD COLUMN lower_rack text, ADD COLUMN held_rack text",
    "COMMENT ON COLUMN dhcp_service.lower_rack IS 'Who gives away the lower half of each IPv6 "
    "range, also after it was deleted; none where one rack ever had all of it.'",
    "COMMENT ON COLUMN dhcp_service.held_rack IS 'Of a pair: who has a half that another rack gave "
    "away before. Of one that is alone: who had the other half.'",
    "UPDATE dhcp_service SET lower_rack = primary_rack WHERE secondary_rack IS NOT NULL",
    "UPDATE cluster SET schema_max = 21",
)


def upgrade() -> None:
    """Add the columns; a program of an older schema reads everything until there is IPv6."""
    for statement in STATEMENTS:
        op.execute(statement)
