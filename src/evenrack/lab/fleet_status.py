"""Reading the fleet's own status, and saying what is still missing in it."""

from collections.abc import Collection, Sequence
from typing import Any

from evenrack.client import Client, Repeats, SocketTarget, new_change_key
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.lab.clocks import Clocks
from evenrack.lab.fleet import Fleet

_LIVE = frozenset({"running", "degraded", "draining"})
"""States of a process that runs, with all of its counterparts or with some."""
ANSWER_SECONDS = 3.0
"""How long one process may take; it waits 2 s itself before it calls PostgreSQL unreachable."""


def fleet_client(
    fleet: Fleet,
    *,
    last: Collection[str] = (),
    timeout: float = ANSWER_SECONDS,
    repeats: Repeats | None = None,
) -> Client:
    """Give a client that asks any region process of the lab, these only when no other answers."""
    processes = sorted(fleet.processes, key=lambda process: process.name in last)
    targets = [SocketTarget(path=process.socket) for process in processes]
    return Client(targets, timeout=timeout, repeats=repeats)


def repeats_of(clocks: Clocks) -> Repeats:
    """Let a client repeat a change that a busy machine did not answer in time: it is done once."""
    return Repeats(new_key=new_change_key, pause=clocks.sleep)


def fleet_status(client: Client) -> dict[str, Any] | None:
    """Give the fleet's status; nothing while no process can give it."""
    try:
        status: dict[str, Any] = client.get("/api/v1/status")
    except (RegionUnreachable, ApiRefused):
        return None
    return status


def what_is_missing(
    fleet: Fleet, status: dict[str, Any] | None, down: Sequence[str] = ()
) -> str | None:
    """Say what keeps the fleet from being live with these programs down; nothing when it is."""
    if status is None:
        return "no region process answers"
    expected = {process.name for process in fleet.processes} - set(down)
    running = _running_processes(status)
    if running != expected:
        return _difference(expected, running)
    rows = {row["hostname"]: row for row in status["racks"]}
    for rack in fleet.racks:
        row = rows.get(rack.rack)
        missing = _still_there(row) if rack.name in down else _missing(rack.rack, row, running)
        if missing is not None:
            return missing
    return None if status["leader"] in running else "nobody leads"


def _running_processes(status: dict[str, Any]) -> set[str]:
    return {
        process["id"]
        for region in status["regions"]
        for process in region["processes"]
        if process["state"] in _LIVE
    }


def _difference(expected: set[str], running: set[str]) -> str:
    if absent := sorted(expected - running):
        return f"not running yet: {', '.join(absent)}"
    return f"still counted as running: {', '.join(sorted(running - expected))}"


def _still_there(row: dict[str, Any] | None) -> str | None:
    if row is not None and row["connections"]:
        return f"{row['hostname']} is still counted as connected"
    return None


def _missing(rack: str, row: dict[str, Any] | None, running: set[str]) -> str | None:
    if row is None:
        return f"{rack} has not connected to any region process"
    connected = row["processes_connected"]
    if connected != len(running):
        return f"{rack} is connected to {connected} of {len(running)} region processes"
    if row["managed_by"] not in running:
        return f"{rack} is not managed by a running process"
    return None
