"""Keys that clients send with requests, so that a repeated request does nothing twice.

The key is written in the transaction that makes the change: another process that is asked with it
at the same time waits for that one, and then finds the answer.
"""

from attrs import field, frozen
from sqlalchemy import Connection, text

KEPT_HOURS = 24
"""After that a key is forgotten, and the same request would be another one."""


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


def claim_key(connection: Connection, who: str, key: str, mark: str) -> bool:
    """Write the key down for a request; False when it came with one before."""
    connection.execute(
        text("DELETE FROM idempotency_key WHERE at < now() - make_interval(hours => :kept)"),
        {"kept": KEPT_HOURS},
    )
    claimed = connection.execute(
        text(
            "INSERT INTO idempotency_key (who, key, request) VALUES (:who, :key, :mark) "
            "ON CONFLICT DO NOTHING RETURNING 1"
        ),
        {"who": who, "key": key, "mark": mark},
    )
    return claimed.one_or_none() is not None


def keep_answer(connection: Connection, who: str, key: str, answer: str) -> None:
    """Note what the request of a claimed key is answered."""
    connection.execute(
        text("UPDATE idempotency_key SET answer = :answer WHERE who = :who AND key = :key"),
        {"answer": answer, "who": who, "key": key},
    )
