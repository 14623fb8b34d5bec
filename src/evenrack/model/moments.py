"""Moments as they are told."""

from datetime import UTC, datetime


def moment_from_text(text: str) -> datetime:
    """Read a moment with its time zone; ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment


def as_text(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
