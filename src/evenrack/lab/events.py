"""Reading the fleet's events from where one stopped."""

from collections.abc import Iterator
from typing import Any

from evenrack.client import Client

PAGE = 500
NOT_OF_A_DEED = frozenset({"lease"})
"""Kinds of events that come all the time: clients go on asking for addresses."""


def events_after(client: Client, last: int) -> Iterator[dict[str, Any]]:
    """Give every event after this number, page by page."""
    while True:
        page = client.get(f"/api/v1/events?after={last}&limit={PAGE}")
        yield from page["events"]
        if not page["events"] or page["next"] == last:
            return
        last = page["next"]


def newest_events(client: Client, limit: int) -> list[dict[str, Any]]:
    """Give the newest events, the oldest of them first."""
    events: list[dict[str, Any]] = client.get(f"/api/v1/events?limit={limit}")["events"]
    return events


def newest_event(client: Client) -> int:
    """Give the number of the newest event, 0 before the first."""
    return max((event["id"] for event in newest_events(client, 1)), default=0)


def newest_of_a_deed(client: Client, last: int) -> int:
    """Give the number of the newest event after this one that somebody's deed may have caused.

    That one itself when there is none.
    """
    later = (each for each in events_after(client, last) if each["kind"] not in NOT_OF_A_DEED)
    return max((each["id"] for each in later), default=last)


def is_move(event: dict[str, Any]) -> bool:
    """Tell a move from every other event."""
    return bool(event["kind"] == "move")
