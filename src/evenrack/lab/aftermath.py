"""What follows a deed: the moves with the time since it, until the fleet is settled again."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.bmc.state import what_bmcs_miss
from evenrack.lab.clocks import Clocks
from evenrack.lab.dhcp_state import what_dhcp_misses
from evenrack.lab.events import NOT_OF_A_DEED, events_after, newest_event
from evenrack.lab.fleet import Fleet
from evenrack.lab.fleet_status import fleet_client, what_is_missing
from evenrack.lab.lab_programs import LabPrograms

WATCH_SECONDS = 20.0
QUIET_SECONDS = 2.5
"""Voluntary moves wait for a second without an event, so less would miss them."""
_LOOK_SECONDS = 0.1


class Aftermath:
    """Follows the events from a deed on."""

    def __init__(self, fleet: Fleet, programs: LabPrograms, clocks: Clocks) -> None:
        self._fleet = fleet
        self._client = _client(fleet, programs)
        self._programs = programs
        self._clocks = clocks
        self._last = 0
        self._deed_at = clocks.now()
        self._missing: str | None = None

    def remember(self) -> None:
        """Take the number of the newest event before the deed."""
        self._last = newest_event(self._client)

    def tell(self, deed_at: datetime, say: Callable[[str], None]) -> str | None:
        """Say each event as it comes; return what is still missing when the watching ends."""
        self._client = _client(self._fleet, self._programs)  # the deed may have taken some away
        self._deed_at = deed_at
        quiet_since = self._clocks.seconds()

        def settled() -> bool:
            nonlocal quiet_since
            for line in self.news():
                say(line)
                quiet_since = self._clocks.seconds()
            self._missing = self._what_is_missing()
            if self._missing is not None:
                quiet_since = self._clocks.seconds()  # events of a loss come after the loss
            quiet = self._clocks.seconds() - quiet_since
            return self._missing is None and quiet >= QUIET_SECONDS

        self._clocks.wait_until(settled, seconds=WATCH_SECONDS, every=_LOOK_SECONDS)
        return self._missing

    def news(self) -> Iterator[str]:
        """Give the lines of what came since the last look, with the time since the deed."""
        for event in self._new_events():
            if follows(event, self._deed_at):
                yield event_line(event, self._deed_at)

    def _new_events(self) -> Iterator[dict[str, Any]]:
        try:
            for event in events_after(self._client, self._last):
                self._last = event["id"]
                yield event
        except (RegionUnreachable, ApiRefused):
            return

    def _what_is_missing(self) -> str | None:
        down = self._programs.not_serving()
        try:
            status = self._client.get("/api/v1/status")
        except (RegionUnreachable, ApiRefused) as error:
            return str(error)
        if status["database"]["state"] == "ok":
            return (
                what_is_missing(self._fleet, status, down)
                or what_bmcs_miss(self._client, self._fleet.bmcs, down)
                or what_dhcp_misses(self._fleet, self._client, down)
            )
        # with the database down on purpose nothing more can come
        return (
            None
            if self._programs.primary in down
            else f"the database is {status['database']['state']}"
        )


def _client(fleet: Fleet, programs: LabPrograms) -> Client:
    return fleet_client(fleet, last=programs.not_serving())


def follows(event: dict[str, Any], deed_at: datetime) -> bool:
    """Tell what may follow from a deed from what came before it, or would have come anyway."""
    return event["kind"] not in NOT_OF_A_DEED and datetime.fromisoformat(event["at"]) >= deed_at


def event_line(event: dict[str, Any], deed_at: datetime) -> str:
    """Write one event with the time since the deed and, for a move, its reason."""
    since = (datetime.fromisoformat(event["at"]) - deed_at).total_seconds()
    data = event["data"]
    if event["kind"] != "move":
        return f"{since:+7.2f} s  {event['kind']}: {event['text']}"
    forced = "forced" if data["forced"] else "voluntary"
    return (
        f"{since:+7.2f} s  {data['what']} {data['name']}: "
        f"{data['from'] or 'nobody'} -> {data['to'] or 'nobody'} ({forced}; {data['reason']})"
    )
