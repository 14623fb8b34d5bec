"""The fixture of all tests of DHCP in PostgreSQL."""

from tests.region.database.dhcp.dhcp_rows import fleet

__all__ = ["fleet"]
