"""Keys that clients send with requests for orders, so that a repeated request does nothing twice.

The key is written in the transaction that enters the orders: another process that is asked with it
at the same time waits for that one, and then finds the orders.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from evenrack.errors import CannotEverWork
from evenrack.model.identifiers import OrderId

KEPT_HOURS = 24
"""After that a key is forgotten, and the same request would be another one."""


class KeyReused(CannotEverWork):
    """A key came with another request before."""

    wire_code = b"KEY_REUSED"


def claim_key(connection: Connection, who: str, key: str, request: str) -> list[int] | None:
    """Give the orders of the same request that was done before; None when it is to be done now.

    KeyReused when the key came with another request of the same client.
    """
    connection.execute(
        text("DELETE FROM idempotency_key WHERE at < now() - make_interval(hours => :kept)"),
        {"kept": KEPT_HOURS},
    )
    named = {"who": who, "key": key}
    claimed = connection.execute(
        text(
            "INSERT INTO idempotency_key (who, key, request, orders) "
            "VALUES (:who, :key, :request, '{}') ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {**named, "request": request},
    ).one_or_none()
    if claimed is not None:
        return None
    known = connection.execute(
        text("SELECT request, orders FROM idempotency_key WHERE who = :who AND key = :key"), named
    ).one()
    if known.request != request:
        raise KeyReused(
            "this key came with another request before: give each request a key of its own, and "
            "the same one only when it is repeated"
        )
    return list(known.orders)


def keep_orders(connection: Connection, who: str, key: str, orders: Sequence[OrderId]) -> None:
    """Note which orders the request of a claimed key has entered."""
    connection.execute(
        text("UPDATE idempotency_key SET orders = :orders WHERE who = :who AND key = :key"),
        {"orders": list(orders), "who": who, "key": key},
    )
