"""The host's clock, for what people read and for the life of certificates; it decides no order."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Read the host's clock."""
    return datetime.now(UTC)  # noqa: TID251  the one place that reads it
