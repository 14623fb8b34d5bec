"""Enrolment secrets: limited in time and count, by name, on real sessions."""

import threading
from datetime import timedelta

import pytest

from evenrack.errors import EnrolmentRefused
from evenrack.model.identifiers import RackId
from evenrack.region.database.enrolment_store import (
    NameTaken,
    NewEnrolment,
    add_enrolment,
    find_enrolment,
    keep_secret,
    named_enrolment,
    read_enrolments,
    revoke_enrolment,
    secret_cell,
    use_enrolment,
)

pytestmark = pytest.mark.postgres

HOUR = timedelta(hours=1)
SECONDS = 30


def added(sessions, name="lab", *, uses=1, life=HOUR, rack=None, lookup=None):
    new = NewEnrolment(name=name, who="anna", rack=rack, uses=uses, life=life)
    return sessions.run(lambda c: add_enrolment(c, new, lookup or f"look-{name}"))


def used(sessions, number):
    return sessions.run(lambda c: use_enrolment(c, number))


def left(sessions, number):
    return sessions.value("SELECT uses_left FROM enrolment WHERE id = :id", id=number)


def state(sessions, name="lab"):
    return sessions.run(lambda c: named_enrolment(c, name)).state


def test_an_enrolment_is_read_as_it_was_written(sessions):
    number = added(sessions, uses=3, rack=RackId("aaaaaaaa"), lookup="abcd1234")
    sessions.run(lambda c: keep_secret(c, number, b"sealed"))
    found = sessions.run(lambda c: find_enrolment(c, lookup="abcd1234"))
    assert (found.id, found.name, found.who, found.rack) == (number, "lab", "anna", "aaaaaaaa")
    assert (found.uses_left, found.state, found.sealed_secret) == (3, "open", b"sealed")
    assert found.expires_at - found.at == HOUR
    assert sessions.run(lambda c: named_enrolment(c, "lab")) == found
    assert sessions.run(read_enrolments) == [found]
    assert "sealed" not in repr(found), "nobody logs it by accident"
    assert secret_cell(number).row == number


def test_what_is_not_there_is_not_found(sessions):
    added(sessions)
    assert sessions.run(lambda c: find_enrolment(c, lookup="nobody")) is None
    assert sessions.run(lambda c: named_enrolment(c, "nobody")) is None
    assert sessions.run(lambda c: revoke_enrolment(c, "nobody")) is None
    with pytest.raises(EnrolmentRefused, match="was deleted"):
        used(sessions, 4711)


def test_they_are_listed_the_newest_first(sessions):
    for name in ("one", "two", "three"):
        added(sessions, name)
    listed = [each.name for each in sessions.run(read_enrolments)]
    assert listed == ["three", "two", "one"]


def test_no_two_have_one_name(sessions):
    added(sessions)
    with pytest.raises(NameTaken, match="lab"):
        added(sessions, lookup="another")
    assert len(sessions.run(read_enrolments)) == 1


def test_it_lets_in_as_many_racks_as_it_was_made_for_and_no_more(sessions):
    number = added(sessions, uses=2)
    assert used(sessions, number).name == "lab"
    assert (left(sessions, number), state(sessions)) == (1, "open")
    used(sessions, number)
    assert (left(sessions, number), state(sessions)) == (0, "used up")
    with pytest.raises(EnrolmentRefused, match='"lab" is used up: make another one'):
        used(sessions, number)
    assert left(sessions, number) == 0


def test_it_lets_nobody_in_after_its_time(sessions):
    number = added(sessions, uses=2, life=timedelta(seconds=-1))
    assert state(sessions) == "expired"
    with pytest.raises(EnrolmentRefused, match='"lab" is expired: make another one'):
        used(sessions, number)
    assert left(sessions, number) == 2


def test_it_lets_nobody_in_once_it_is_revoked_and_that_may_be_repeated(sessions):
    number = added(sessions, uses=2)
    assert sessions.run(lambda c: revoke_enrolment(c, "lab")).state == "revoked"
    with pytest.raises(EnrolmentRefused, match='"lab" is revoked: make another one'):
        used(sessions, number)
    when = sessions.value("SELECT revoked_at FROM enrolment")
    assert sessions.run(lambda c: revoke_enrolment(c, "lab")).state == "revoked"
    assert sessions.value("SELECT revoked_at FROM enrolment") == when
    assert left(sessions, number) == 2


def test_revoked_is_told_before_expired_and_expired_before_used_up(sessions):
    number = added(sessions, uses=1)
    used(sessions, number)
    sessions.change("UPDATE enrolment SET expires_at = now()")
    assert state(sessions) == "expired"
    sessions.run(lambda c: revoke_enrolment(c, "lab"))
    assert state(sessions) == "revoked"


@pytest.mark.parametrize("uses", [1, 5])
def test_of_many_racks_that_come_at_once_exactly_as_many_get_in(sessions, uses):
    number = added(sessions, uses=uses)
    together = threading.Barrier(12)

    def come():
        together.wait(SECONDS)
        try:
            used(sessions, number)
        except EnrolmentRefused as refusal:
            return str(refusal)
        return "in"

    coming = [sessions.start(come) for _ in range(12)]
    ends = [each.result(SECONDS) for each in coming]
    assert ends.count("in") == uses
    assert all("is used up" in end for end in ends if end != "in")
    assert left(sessions, number) == 0


def test_who_comes_while_it_is_being_revoked_waits_and_is_refused(sessions):
    number = added(sessions)
    with sessions.open_transaction() as operator:
        revoke_enrolment(operator, "lab")
        coming = sessions.start(lambda: used(sessions, number))
        sessions.wait_until_blocked()
        operator.commit()
    with pytest.raises(EnrolmentRefused, match="is revoked"):
        coming.result(SECONDS)
    assert left(sessions, number) == 1


def test_a_use_that_is_rolled_back_was_none(sessions):
    number = added(sessions)
    with sessions.open_transaction() as connection:
        use_enrolment(connection, number)
        connection.rollback()
    assert used(sessions, number).uses_left == 1
