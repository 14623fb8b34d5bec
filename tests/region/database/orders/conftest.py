"""The fixture of all tests of power orders in PostgreSQL."""

from tests.region.database.orders.order_rows import fleet

__all__ = ["fleet"]
