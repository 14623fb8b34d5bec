"""Cancels power orders: a rack that hears of it sends no more; what was sent is not taken back."""

from sqlalchemy import Connection, text

from evenrack.errors import CannotEverWork
from evenrack.model.power import deed_from_text
from evenrack.region.database.event_store import Event, record
from evenrack.region.database.leader_store import current_number
from evenrack.region.database.notify import notify


class OrderEnded(CannotEverWork):
    """An order has ended, so there is nothing to cancel."""

    wire_code = b"ORDER_ENDED"


def cancel_order(connection: Connection, order: int, who: str) -> bool:
    """Cancel an order; False when there is none. OrderEnded.

    One of which nothing was sent ends at once. Any other ends when its rack wants to send more, or
    has seen what it sent: until then no other order may have its BMC, since what was sent may
    still be on its way. Safe to repeat.
    """
    row = connection.execute(
        text(
            "SELECT machine, action, phase, result, cancelled_by FROM power_order "
            "WHERE id = :id FOR UPDATE"
        ),
        {"id": order},
    ).one_or_none()
    if row is None:
        return False
    if row.result is not None:
        raise OrderEnded(f"order {order} has ended: {row.result}")
    if row.cancelled_by is not None:
        return True
    nothing_sent = row.phase == "NEW"
    _note_cancelled(connection, order, who, is_over=nothing_sent)
    sent = "nothing was sent" if nothing_sent else f"at {row.phase}; what was sent stays"
    told = Event(
        kind="power",
        object=f"machine:{row.machine}",
        text=f"order {order}, {row.action} of {row.machine}, was cancelled by {who}: {sent}",
        data={
            "order": order,
            "action": deed_from_text(row.action)[0],
            "phase": row.phase,
            "who": who,
        },
    )
    record(connection, [told], current_number(connection))
    notify(connection, "orders")
    return True


def _note_cancelled(connection: Connection, order: int, who: str, *, is_over: bool) -> None:
    connection.execute(
        text(
            "UPDATE power_order SET cancelled_by = :who, "
            "steps = steps || jsonb_build_object('at', clock_timestamp(), 'step', 'cancelled', "
            "'rack', (SELECT hostname FROM rack WHERE id = rack_id), 'attempt', attempt), "
            "result = CASE WHEN :over THEN 'failed' END, "
            "ended_at = CASE WHEN :over THEN clock_timestamp() END, "
            "error = CASE WHEN :over THEN 'cancelled by ' || :who || '; nothing was sent' "
            "ELSE error END WHERE id = :id"
        ),
        {"id": order, "who": who, "over": is_over},
    )
