"""Keys that clients send with requests, so that a repeated request does nothing twice.

The key is written in the transaction that makes the change, so the primary key parts those who come
at the same time. The second one does not wait for that, which would cost a session: a lock that is
only tried tells it that the first is under way.
"""

from attrs import field, frozen
from sqlalchemy import Connection, text

KEPT_HOURS = 24
"""After that a key is forgotten, and the same request would be another one."""

MOST_TRIMMED = 1_000
"""In one transaction."""


@frozen(kw_only=True)
class KeptRequest:
    """A request that was done."""

    mark: str
    """By which it is recognised (`request_marks`)."""
    answer: str | None = field(repr=False)
    """None where it is kept nowhere."""


def find_request(connection: Connection, who: str, key: str) -> KeptRequest | None:
    """Give the request that came with this key of this client."""
    found = connection.execute(
        text(
            "SELECT request, answer FROM idempotency_key WHERE who = :who AND key = :key "
            "AND at >= now() - make_interval(hours => :kept)"
        ),
        {"who": who, "key": key, "kept": KEPT_HOURS},
    ).one_or_none()
    return None if found is None else KeptRequest(mark=found.request, answer=found.answer)


def hold_key(connection: Connection, who: str, key: str) -> bool:
    """Hold a key until this transaction ends; False while another one does.

    Processes of the version before do not: for them `claim_key` waits.
    """
    held: bool = connection.execute(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:both, 0))"),
        {"both": f"{key} {who}"},  # no key has a blank
    ).scalar_one()
    return held


def claim_key(connection: Connection, who: str, key: str, mark: str) -> bool:
    """Write the key down for a request; False when it came with one before.

    A row that is too old is taken over. It does not matter when it is removed (`trim_keys`), and a
    change, which may take long, holds the row of no other one.
    """
    claimed = connection.execute(
        text(
            "INSERT INTO idempotency_key AS kept (who, key, request) VALUES (:who, :key, :mark) "
            "ON CONFLICT (who, key) DO UPDATE SET request = excluded.request, "
            "orders = excluded.orders, answer = NULL, at = now() "
            "WHERE kept.at < now() - make_interval(hours => :hours) RETURNING 1"
        ),
        {"who": who, "key": key, "mark": mark, "hours": KEPT_HOURS},
    )
    return claimed.one_or_none() is not None


def keep_answer(connection: Connection, who: str, key: str, answer: str) -> None:
    """Note what the request of a claimed key is answered."""
    connection.execute(
        text("UPDATE idempotency_key SET answer = :answer WHERE who = :who AND key = :key"),
        {"answer": answer, "who": who, "key": key},
    )


def trim_keys(connection: Connection) -> int:
    """Remove what is forgotten, the oldest first and at most a batch, and give how many.

    What another transaction holds is left to the next time.
    """
    removed: int = connection.execute(
        text(
            "WITH oldest AS MATERIALIZED (SELECT who, key FROM idempotency_key "
            "WHERE at < now() - make_interval(hours => :hours) "
            "ORDER BY at LIMIT :most FOR UPDATE SKIP LOCKED) "
            "DELETE FROM idempotency_key WHERE (who, key) IN (SELECT who, key FROM oldest)"
        ),
        {"most": MOST_TRIMMED, "hours": KEPT_HOURS},
    ).rowcount
    return removed
