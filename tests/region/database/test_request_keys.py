"""Keys of requests in the database: claimed once, forgotten in time, holding nobody else up."""

import pytest

from evenrack.region.database.request_keys import (
    MOST_TRIMMED,
    claim_key,
    find_request,
    keep_answer,
    trim_keys,
)

pytestmark = pytest.mark.postgres

OLD = (
    "INSERT INTO idempotency_key (who, key, request, answer, at) "
    "SELECT 'me', 'old' || n, 'before', '[]', now() - interval '25 h' "
    "FROM generate_series(1, :count) AS n"
)
ENOUGH_SECONDS = 20
"""For a change that nobody holds up: one that is held up is given up sooner."""


def claimed(sessions, key, mark="now"):
    return sessions.run(lambda c: claim_key(c, "me", key, mark))


def found(sessions, key):
    return sessions.run(lambda c: find_request(c, "me", key))


def test_a_change_that_takes_long_holds_no_other_one_up_whatever_is_forgotten(sessions):
    sessions.change(OLD, count=3)
    with sessions.open_transaction() as long:
        assert claim_key(long, "me", "k1", "now")
        for key in ("k2", "old2"):
            assert sessions.start(lambda key=key: claimed(sessions, key)).result(ENOUGH_SECONDS)


def test_a_key_that_is_forgotten_is_claimed_as_a_new_one_once(sessions):
    sessions.change(OLD, count=1)
    assert found(sessions, "old1") is None
    assert claimed(sessions, "old1")
    again = found(sessions, "old1")
    assert (again.mark, again.answer) == ("now", None)
    sessions.run(lambda c: keep_answer(c, "me", "old1", "[1]"))
    assert not claimed(sessions, "old1")
    assert found(sessions, "old1").answer == "[1]"


def test_what_is_forgotten_is_removed_by_batches_and_what_is_held_is_left(sessions):
    sessions.change(OLD, count=MOST_TRIMMED + 5)
    assert claimed(sessions, "new")
    with sessions.open_transaction() as other:
        assert claim_key(other, "me", "old1", "now")
        assert [sessions.run(trim_keys) for _ in range(3)] == [MOST_TRIMMED, 4, 0]
        other.commit()
    assert sessions.run(trim_keys) == 0
    assert sessions.rows("SELECT key FROM idempotency_key ORDER BY key") == [("new",), ("old1",)]
