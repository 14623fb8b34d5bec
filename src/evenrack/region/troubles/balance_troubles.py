"""Which problems holds, drains and the circuit breaker are: pure."""

from datetime import UTC, datetime

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.model.intents import Drain
from evenrack.region.troubles.trouble import Trouble


def of_balance(fleet: Fleet) -> list[Trouble]:
    """Give what operators have said and may forget, and what the circuit breaker stops."""
    found = [
        Trouble(code="DrainForgotten", object=drain.object, affects=_told(fleet, drain))
        for drain in fleet.drains
        if drain.overdue
    ]
    if fleet.hold is not None:
        hold = fleet.hold
        until = "" if hold.until is None else f", until {_moment(hold.until)}"
        affects = f"every voluntary move: {hold.reason} ({hold.who}{until})"
        found.append(Trouble(code="BalanceHeld", object="balance", affects=affects))
    if fleet.breaker is not None and fleet.breaker_holds:
        affects = f"every move that is not forced: {fleet.breaker.why}"
        found.append(Trouble(code="CircuitBreaker", object="balance", affects=affects))
    return found


def _told(fleet: Fleet, drain: Drain) -> str:
    known = fleet.racks.get(RackId(drain.id))
    name = drain.id if known is None else known.hostname
    message = f": {drain.message}" if drain.message else ""
    return f"{name}, drained by {drain.who} since {_moment(drain.since)}{message}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
