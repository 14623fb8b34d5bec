"""M18: connections of whoever has no right cost nobody who has one anything, and do not stay."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from attrs import frozen

from evenrack.client import Client, SocketTarget
from evenrack.errors import RegionUnreachable
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.strangers import intrude, rack_links, refuse_changes
from evenrack.lab.fleet import RegionProcess
from evenrack.runtime.process_table import resident_mebibytes

_FLOOD = 2_000
_FLOOD_SECONDS = 9.0
"""Longer than 5 s for a hello, half a second after an answer, and one to agree to the end."""
_LOOK_SECONDS = 0.1
_FEWEST_LOOKS = 10
_MOST_MEBIBYTES = 110.0


@frozen(kw_only=True)
class Flooded:
    """What a region process was like while a flood held, and what it let stay."""

    connected: int
    """Silent connections, all in all."""
    shaken: int
    """Connections whose handshake was finished, by peers that never agree that they end."""
    left: int
    """Those of them that were still open when they should long have been ended."""
    looks: int
    """How often it was looked at meanwhile."""
    slowest: float
    """The longest that status took, in seconds."""
    mebibytes: float
    """The most memory that it had."""


def a_flood_is_felt_by_nobody(trial: Trial, limit: float) -> Measured:
    """Hold 2,000 connections, and look on: links stay, answers come, memory is bounded."""
    process = trial.fleet.processes[0]
    before, event = rack_links(trial), trial.newest_event()
    with ThreadPoolExecutor(1) as threads:
        flooding = threads.submit(
            intrude, trial, "flood", process, str(_FLOOD), str(_FLOOD_SECONDS)
        )
        seen = _look_on(trial, process, flooding, limit)
    refuse_changes(trial, before, event, seen.slowest)
    if wrong := what_was_felt(seen, limit):
        raise CheckFailed(wrong, seen.slowest)
    return Measured(
        seconds=seen.slowest,
        detail=f"{seen.connected} silent connections to {process.name} and {seen.shaken} finished "
        f"handshakes within {_FLOOD_SECONDS:g} s: no link ended, {seen.mebibytes:.0f} MiB",
    )


def what_was_felt(seen: Flooded, limit: float) -> str | None:
    """Say what was felt of a flood, or why this shows nothing; None when nobody felt anything."""
    if seen.connected < _FLOOD // 2 or not seen.shaken:
        return (
            f"only {seen.connected} silent connections and {seen.shaken} finished handshakes came "
            "about: this shows nothing"
        )
    if seen.looks < _FEWEST_LOOKS:
        return f"it was looked at {seen.looks} times while the flood held: this shows nothing"
    if seen.left:
        return (
            f"{seen.left} of {seen.shaken} connections of whoever has no right are open after "
            f"{_FLOOD_SECONDS:g} s"
        )
    if seen.mebibytes > _MOST_MEBIBYTES:
        return f"it takes {seen.mebibytes:.0f} MiB"
    if seen.slowest > limit:
        return f"status took {seen.slowest:.2f} s"
    return None


def _look_on(
    trial: Trial, process: RegionProcess, flooding: "Future[dict[str, Any]]", limit: float
) -> Flooded:
    """Ask for status again and again until the flood is over."""
    client = Client([SocketTarget(path=process.socket)], timeout=limit + 1)
    slowest = mebibytes = 0.0
    looks = 0
    while not flooding.done():
        since = trial.clocks.seconds()
        try:
            client.get("/api/v1/status")
        except RegionUnreachable as silence:
            raise CheckFailed(f"{process.name} gave no status: {silence}") from None
        slowest = max(slowest, trial.clocks.seconds() - since)
        pid = trial.pid_of(process.name)
        mebibytes = max(mebibytes, 0.0 if pid is None else resident_mebibytes(pid))
        looks += 1
        trial.clocks.sleep(_LOOK_SECONDS)
    told = flooding.result()
    return Flooded(
        connected=told["connected"],
        shaken=told["shaken"],
        left=told["left"],
        looks=looks,
        slowest=slowest,
        mebibytes=mebibytes,
    )


CHECKS = (
    Check(
        promise="M18",
        name="2,000 half-open connections are felt by nobody",
        limit_seconds=2,
        run=a_flood_is_felt_by_nobody,
    ),
)
