"""Power orders: entered, taken by a rack, recorded phase by phase, ended.

The fence is the attempt: it grows with each take-over, and a rack records nothing, so sends
nothing, under an older one. All times are the database's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen
from sqlalchemy import Connection, text

from evenrack.balance.power_routes import StoredOrder
from evenrack.errors import CannotEverWork
from evenrack.model.bmc import Machine
from evenrack.model.identifiers import BmcId, OrderId, RackId
from evenrack.model.power import (
    BootDevice,
    Phase,
    PowerAction,
    PowerOutcome,
    PowerState,
    Result,
    deed_from_text,
    deed_of,
    next_start_words,
    phases_between,
)
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify
from evenrack.region.database.state_store import record_ordered

ORDER_SECONDS = 60
"""What an order has to be carried out, from when a rack first takes it."""

SOFT_SECONDS = 180
"""The same for `soft`: an operating system takes its time to shut down."""

MOST_ORDERS = 1_000

MOST_UNFINISHED = 10_000
"""Looked at, the oldest."""

MOST_STEPS = 100
"""Kept of one order: no true one has so many."""

_AND_STEP = (
    "steps = CASE WHEN jsonb_array_length(steps) < :most_steps THEN steps || jsonb_build_object("
    "'at', clock_timestamp(), 'step', CAST(:step AS text), 'rack', "
    "(SELECT hostname FROM rack WHERE id = :rack), 'attempt', CAST(:attempt AS integer)) "
    "ELSE steps END"
)

_SECONDS_LEFT = "CAST(extract(epoch FROM expires_at - clock_timestamp()) AS float) AS seconds_left"


class OrderUnderWay(CannotEverWork):
    """A machine has an order that has not ended; another one would fight with it."""

    wire_code = b"ORDER_UNDER_WAY"

    def __init__(self, running: Mapping[str, int]) -> None:
        self.running = running
        told = ", ".join(f"{machine} has order {order}" for machine, order in running.items())
        super().__init__(f"{told}, which has not ended: evenrack order list")


@frozen(kw_only=True)
class Ending:
    """How an order ends."""

    result: Result
    state: PowerState = "unknown"
    error: str = ""
    told: bool = False
    """Whether its rack says so, which knows better than the row: it ends at whatever phase."""


def enter_orders(
    connection: Connection,
    machines: Sequence[Machine],
    action: PowerAction,
    who: str,
    boot: BootDevice | None = None,
) -> list[OrderId]:
    """Enter one order for each machine, or none: OrderUnderWay names those that are busy."""
    bmcs = [machine.bmc for machine in machines]
    connection.execute(  # so that two who order at once see each other
        text("SELECT id FROM bmc WHERE id = ANY(:bmcs) ORDER BY id FOR UPDATE"), {"bmcs": bmcs}
    )
    running = connection.execute(
        text(
            "SELECT machine, id FROM power_order WHERE bmc_id = ANY(:bmcs) AND result IS NULL "
            "ORDER BY id"
        ),
        {"bmcs": bmcs},
    )
    busy = {row.machine: row.id for row in running}
    if busy:
        raise OrderUnderWay(busy)
    entered = [_enter(connection, machine, action, who, boot) for machine in machines]
    notify(connection, "orders")
    return entered


def _enter(
    connection: Connection,
    machine: Machine,
    action: PowerAction,
    who: str,
    boot: BootDevice | None,
) -> OrderId:
    entered = connection.execute(
        text(
            "INSERT INTO power_order (bmc_id, machine, action, attempt, tried, phase, who, "
            "expires_at, state, error) VALUES (:bmc, :machine, :action, 0, '{}', 'NEW', :who, "
            "clock_timestamp() + make_interval(secs => :seconds), 'unknown', '') RETURNING id"
        ),
        {
            "bmc": machine.bmc,
            "machine": machine.name,
            "action": deed_of(action, boot),
            "who": who,
            "seconds": seconds_for(action),
        },
    )
    return OrderId(entered.scalar_one())


def seconds_for(action: PowerAction) -> int:
    """Give the time that an order has."""
    return SOFT_SECONDS if action == "soft" else ORDER_SECONDS


def read_unfinished(connection: Connection) -> list[StoredOrder]:
    """Give every order that has not ended, the oldest first."""
    rows = connection.execute(
        text(
            "SELECT id, bmc_id, machine, action, attempt, phase, rack_id, tried, error, "  # noqa: S608  a constant of ours
            "cancelled_by IS NOT NULL AS cancelled, "
            f"{_SECONDS_LEFT} FROM power_order WHERE result IS NULL ORDER BY id LIMIT :most"
        ),
        {"most": MOST_UNFINISHED},
    )
    return [
        StoredOrder(
            id=OrderId(row.id),
            bmc=BmcId(row.bmc_id),
            machine=row.machine,
            action=deed_from_text(row.action)[0],
            boot=deed_from_text(row.action)[1],
            attempt=row.attempt,
            phase=row.phase,
            rack=None if row.rack_id is None else RackId(row.rack_id),
            tried=tuple(RackId(rack) for rack in row.tried),
            error=row.error,
            cancelled=row.cancelled,
            seconds_left=row.seconds_left,
        )
        for row in rows
    ]


def take_order(connection: Connection, order: StoredOrder, rack: RackId) -> StoredOrder | None:
    """Let a rack take an order as the next attempt; gives the order as it is then.

    None when another process was quicker, when the rack was deleted, or when the order is at
    another phase than was seen: the rack that was lost is back then, and acts. Nobody else is told:
    who takes it for a rack tells that rack.
    """
    taken = connection.execute(
        text(
            f"UPDATE power_order SET {_AND_STEP}, "  # noqa: S608  a constant of ours
            "rack_id = :rack, attempt = attempt + 1, expires_at = "
            "CASE WHEN attempt = 0 THEN clock_timestamp() + make_interval(secs => :seconds) "
            "ELSE expires_at END "
            "WHERE id = :id AND attempt = :attempt - 1 AND phase = :phase AND result IS NULL "
            "AND EXISTS (SELECT FROM rack WHERE id = :rack FOR KEY SHARE) "
            f"RETURNING attempt, phase, cancelled_by IS NOT NULL AS cancelled, {_SECONDS_LEFT}"
        ),
        {
            "rack": rack,
            "id": order.id,
            "attempt": order.attempt + 1,
            "phase": order.phase,
            "seconds": seconds_for(order.action),
            **_step("taken"),
        },
    ).one_or_none()
    if taken is None:
        return None
    if order.rack is not None:
        record(connection, [_taken_over(order, rack)], current_number(connection))
    return evolve(
        order,
        rack=rack,
        attempt=taken.attempt,
        phase=taken.phase,
        cancelled=taken.cancelled,
        seconds_left=taken.seconds_left,
    )


def _taken_over(order: StoredOrder, rack: RackId) -> Event:
    return Event(
        kind="power",
        object=f"machine:{order.machine}",
        text=f"order {order.id}, {order.deed} of {order.machine}, was taken over at "
        f"{order.phase}: its rack is lost",
        data={"order": order.id, "from": order.rack, "to": rack, "phase": order.phase},
    )


def prolong(connection: Connection, orders: Sequence[OrderId]) -> None:
    """Give orders that wait for their rack, and were begun by none, their time anew."""
    connection.execute(
        text(
            "UPDATE power_order SET expires_at = clock_timestamp() + make_interval(secs => :most) "
            "WHERE id = ANY(:orders) AND attempt = 0 AND result IS NULL"
        ),
        {"orders": list(orders), "most": ORDER_SECONDS},
    )


def record_phase(
    connection: Connection,
    rack: RackId,
    order: OrderId,
    attempt: int,
    step: tuple[Phase, Phase],
) -> bool:
    """Record that a rack's attempt goes from one phase to the next; False when it may not.

    Safe to repeat: what is recorded already is recorded. So is what the attempt recorded in
    between, and has no answer about: it still names the phase before that. Nothing more is sent
    of a cancelled one.
    """
    before, after = step
    return (
        connection.execute(
            text(
                "UPDATE power_order SET phase = :after, steps = CASE WHEN phase = :after "  # noqa: S608  a constant of ours
                f"THEN steps ELSE {_AND_STEP.removeprefix('steps = ')} END "
                "WHERE id = :id AND attempt = :attempt AND rack_id = :rack "
                "AND phase = ANY(:between) AND result IS NULL "
                "AND (cancelled_by IS NULL OR right(:after, 5) <> '_SENT') RETURNING 1"
            ),
            {
                "id": order,
                "attempt": attempt,
                "rack": rack,
                "between": list(phases_between(before, after)),
                "after": after,
                **_step(after),
            },
        ).one_or_none()
        is not None
    )


def give_back(connection: Connection, order: StoredOrder, error: str) -> None:
    """Let another rack try: this one could not, and did nothing since the order was seen."""
    connection.execute(
        text(
            f"UPDATE power_order SET {_AND_STEP}, "  # noqa: S608  a constant of ours
            "rack_id = NULL, attempt = attempt + 1, error = :error, "
            "tried = array_append(tried, :rack) "
            "WHERE id = :id AND attempt = :attempt AND result IS NULL AND phase = :phase"
        ),
        {
            "id": order.id,
            "attempt": order.attempt,
            "rack": order.rack,
            "error": error,
            "phase": order.phase,
            **_step("given back"),
        },
    )
    notify(connection, "orders")


def end_order(connection: Connection, order: StoredOrder, ending: Ending) -> bool:
    """End an order under the attempt that was seen; False when that has passed.

    What was decided by the phase ("nothing was sent") counts at that phase only. An order that went
    on meanwhile is decided upon again by the next look.
    """
    ended = connection.execute(
        text(
            "UPDATE power_order SET result = :result, state = :state, error = ("
            "  SELECT words || CASE WHEN :result <> 'ok' AND phase <> 'NEW' "
            "    AND position(:left in words) = 0 THEN :left ELSE '' END "
            "  FROM (SELECT CASE WHEN cancelled_by IS NOT NULL AND :result <> 'ok' "
            "    AND phase <> 'NEW' THEN 'cancelled by ' || cancelled_by || ' at ' || phase || "
            "      '; what was sent is not taken back' "
            "    WHEN :error = '' AND :result <> 'ok' THEN error ELSE :error END AS words) said), "
            "ended_at = clock_timestamp() "
            "WHERE id = :id AND attempt = :attempt AND (:told OR phase = :phase) "
            "AND result IS NULL RETURNING error"
        ),
        {
            "id": order.id,
            "attempt": order.attempt,
            "phase": order.phase,
            "told": ending.told,
            "result": ending.result,
            "state": ending.state,
            "error": ending.error,
            "left": _left_of(order, ending),
        },
    ).one_or_none()
    if ended is None:
        return False
    if (order.action, ending.result) != ("query", "ok"):  # looking changes nothing
        record(connection, [_told(order, ending, ended.error)], current_number(connection))
    may_change = ending.result == "unknown" or (order.action, ending.result) == ("soft", "failed")
    record_ordered(connection, order.bmc, order.rack, ending.state, may_change=may_change)
    notify(connection, "orders")
    return True


def _left_of(order: StoredOrder, ending: Ending) -> str:
    """Give what is to be said of its boot device: a rack that tells how it ended knows better."""
    if order.boot is None:
        return ""
    words = next_start_words(order.boot)
    return f"; {words}" if not ending.told or words in ending.error else ""


def _step(step: str) -> dict[str, Any]:
    return {"step": step, "most_steps": MOST_STEPS}


def _told(order: StoredOrder, ending: Ending, error: str) -> Event:
    why = f": {error}" if error else ""
    return Event(
        kind="power",
        object=f"machine:{order.machine}",
        text=f"order {order.id}, {order.deed} of {order.machine}: {ending.result}{why}",
        data={"order": order.id, "action": order.action, "result": ending.result},
    )


def ending_of(outcome: PowerOutcome) -> Ending:
    """Give how an order ends by what its rack says."""
    return Ending(result=outcome.result, state=outcome.state, error=outcome.error, told=True)
