"""Revocations in PostgreSQL: all certificates of a rack at once, and nothing slips through."""

from datetime import timedelta

import pytest

from evenrack.region.database.enrolment_store import (
    NewEnrolment,
    add_enrolment,
    read_enrolments,
    use_enrolment,
)
from evenrack.region.database.trust_store import (
    Issued,
    is_rack_known,
    is_rack_revoked,
    racks_certified,
    racks_shut_out,
    read_certificates,
    read_trust,
    record_certificate,
    revoke_rack,
    revoked_since,
)
from evenrack.trust.tls import Peer
from tests.region.database.sessions import heard
from tests.region.database.trust.trust_rows import OTHER_RACK, PROCESS, RACK, issued
from tests.trusted import now

pytestmark = pytest.mark.postgres

SECONDS = 10
UNDATED = Peer(rack=RACK)
"""The end of a link by whose certificate nothing can be told."""


def revoked(sessions):
    return set(sessions.run(lambda c: read_trust(c, PROCESS)).revoked.serials)


def test_all_good_certificates_of_a_rack_are_revoked_at_once_and_of_no_other(sessions):
    issued(sessions, "first")
    issued(sessions, "second")
    issued(sessions, "expired", days=-0.1)
    issued(sessions, "other's", OTHER_RACK)
    with heard(sessions) as said:
        assert sessions.run(lambda c: revoke_rack(c, RACK)) == 2
    assert said == ["trust"]
    assert revoked(sessions) == {"first", "second"}


def test_revoking_again_changes_nothing_and_keeps_the_time(sessions):
    issued(sessions, "first")
    sessions.run(lambda c: revoke_rack(c, RACK))
    when = sessions.value("SELECT revoked_at FROM certificate")
    assert sessions.run(lambda c: revoke_rack(c, RACK)) == 0
    assert sessions.value("SELECT revoked_at FROM certificate") == when


def test_a_certificate_that_is_issued_after_a_revocation_is_good(sessions):
    issued(sessions, "stolen")
    sessions.run(lambda c: revoke_rack(c, RACK))
    issued(sessions, "fresh")
    assert revoked(sessions) == {"stolen"}
    listed = {c["serial"]: c["revoked_at"] for c in sessions.run(read_certificates)}
    assert listed["fresh"] is None
    assert listed["stolen"] is not None


def test_a_rack_is_revoked_while_all_of_its_good_certificates_are(sessions):
    def is_revoked():
        return sessions.run(lambda c: is_rack_revoked(c, RACK, UNDATED))

    assert not is_revoked(), "nothing is known: a restored database may be older than the rack"
    issued(sessions, "stolen")
    issued(sessions, "other's", OTHER_RACK)
    assert not is_revoked()
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert is_revoked()
    issued(sessions, "fresh")
    assert not is_revoked()


def test_a_renewal_that_was_begun_before_a_revocation_is_revoked_with_the_rest(sessions):
    issued(sessions, "old")
    renewed = Issued(serial="new", authority=1, not_after=now() + timedelta(days=30), rack=RACK)
    with sessions.open_transaction() as region:
        assert not is_rack_revoked(region, RACK, UNDATED)
        revoking = sessions.start(lambda: sessions.run(lambda c: revoke_rack(c, RACK)))
        sessions.wait_until_blocked()
        record_certificate(region, renewed)
        region.commit()
    assert revoking.result(SECONDS) == 2
    assert revoked(sessions) == {"old", "new"}


def test_a_renewal_that_is_begun_during_a_revocation_waits_and_sees_it(sessions):
    issued(sessions, "old")
    with sessions.open_transaction() as operator:
        revoke_rack(operator, RACK)
        renewing = sessions.start(lambda: sessions.run(lambda c: is_rack_revoked(c, RACK, UNDATED)))
        sessions.wait_until_blocked()
        operator.commit()
    assert renewing.result(SECONDS)


def test_a_revoked_certificate_is_forgotten_when_it_has_expired(sessions):
    issued(sessions, "stolen")
    sessions.run(lambda c: revoke_rack(c, RACK))
    sessions.change("UPDATE certificate SET not_after = now() - interval '1 second'")
    assert revoked(sessions) == set()


def made_with(age, rack=RACK):
    """The end of a link whose certificate was signed so long ago, and is not on record."""
    return Peer(rack=rack, serial="not on record", issued_at=now() - age)


def is_shut_out(sessions, peer):
    """What both say: the picture that each process reads, and the question before it signs."""
    by_picture = sessions.run(lambda c: read_trust(c, PROCESS)).revoked.shut_out(peer)
    assert sessions.run(lambda c: is_rack_revoked(c, peer.rack, peer)) == by_picture
    return by_picture


@pytest.mark.parametrize("certificates", [(), (-0.1,), (30.0,)], ids=["none", "expired", "good"])
def test_a_revocation_counts_for_links_whose_certificate_is_not_on_record_any_more(
    sessions, certificates
):
    """A link may be months old."""
    for days in certificates:
        issued(sessions, f"{days}", days=days)
    old = made_with(timedelta(days=31))
    assert not is_shut_out(sessions, old)
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert is_shut_out(sessions, old)
    assert not is_shut_out(sessions, made_with(timedelta(days=31), OTHER_RACK))


def test_what_is_issued_after_a_revocation_is_good_until_the_next_one(sessions):
    sessions.run(lambda c: revoke_rack(c, RACK))
    sessions.change("UPDATE rack_revoked SET revoked_at = now() - interval '2 minutes'")
    between = made_with(timedelta(minutes=1))
    assert not is_shut_out(sessions, between)
    assert is_shut_out(sessions, made_with(timedelta(minutes=3)))
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert is_shut_out(sessions, between)


def test_a_clock_that_went_back_makes_no_revocation_older(sessions):
    sessions.run(lambda c: revoke_rack(c, RACK))
    sessions.change("UPDATE rack_revoked SET revoked_at = now() + interval '1 hour'")
    when = sessions.run(lambda c: revoked_since(c, RACK))
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert sessions.run(lambda c: revoked_since(c, RACK)) == when


def test_a_renewal_waits_for_a_revocation_also_where_no_certificate_is_on_record(sessions):
    old = made_with(timedelta(days=31))
    with sessions.open_transaction() as operator:
        revoke_rack(operator, RACK)
        renewing = sessions.start(lambda: sessions.run(lambda c: is_rack_revoked(c, RACK, old)))
        sessions.wait_until_blocked()
        operator.commit()
    assert renewing.result(SECONDS)


def test_no_enrolment_of_before_lets_a_revoked_rack_in_and_those_of_others_stay(sessions):
    def make(name, rack):
        new = NewEnrolment(name=name, who="me", rack=rack, uses=1, life=timedelta(hours=1))
        sessions.run(lambda c: add_enrolment(c, new, name))

    for name, rack in (("before", RACK), ("other", OTHER_RACK), ("anybody", None)):
        make(name, rack)
    sessions.run(lambda c: revoke_rack(c, RACK))
    make("after", RACK)
    states = {each.name: each.state for each in sessions.run(read_enrolments)}
    assert states == {"before": "revoked", "other": "open", "anybody": "open", "after": "open"}


def test_an_enrolment_that_is_used_during_a_revocation_lets_nobody_in_for_long(sessions):
    """Who enrols first is revoked with the rest."""
    new = NewEnrolment(name="back", who="me", rack=RACK, uses=1, life=timedelta(hours=1))
    number = sessions.run(lambda c: add_enrolment(c, new, "back"))
    signed = Issued(serial="new", authority=1, not_after=now() + timedelta(days=30), rack=RACK)
    with sessions.open_transaction() as region:
        use_enrolment(region, number)
        revoking = sessions.start(lambda: sessions.run(lambda c: revoke_rack(c, RACK)))
        sessions.wait_until_blocked()
        record_certificate(region, signed)
        region.commit()
    assert revoking.result(SECONDS) == 1
    assert revoked(sessions) == {"new"}


def test_a_rack_that_has_a_good_certificate_is_told_from_one_that_has_not(sessions):
    issued(sessions, "good")
    issued(sessions, "expired", OTHER_RACK, days=-0.1)
    assert sessions.run(lambda c: racks_certified(c, {RACK, OTHER_RACK})) == {RACK}
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert sessions.run(lambda c: racks_certified(c, {RACK, OTHER_RACK})) == set()


def test_a_revoked_rack_is_not_entered_again_until_it_has_a_good_certificate(sessions):
    def shut_out():
        return sessions.run(lambda c: racks_shut_out(c, [RACK, OTHER_RACK]))

    issued(sessions, "expired", days=-0.1)
    assert shut_out() == set()
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert shut_out() == {RACK}
    issued(sessions, "fresh")
    assert shut_out() == set()


def test_no_new_rack_gets_the_id_of_one_that_was_deleted_long_ago(sessions):
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert sessions.run(lambda c: is_rack_known(c, RACK))
