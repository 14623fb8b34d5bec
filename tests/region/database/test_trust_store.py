"""Authorities, certificates and revocations, on real sessions."""

import secrets
from datetime import timedelta

import pytest

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.enrolment_store import (
    NewEnrolment,
    add_enrolment,
    read_enrolments,
    use_enrolment,
)
from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.database.trust_store import (
    Issued,
    active_authority,
    certificates_of,
    drop_authority,
    is_rack_known,
    is_rack_revoked,
    lock_authorities,
    note_process_trusts,
    note_rack_trusts,
    racks_certified,
    racks_shut_out,
    read_authorities,
    read_certificates,
    read_trust,
    record_certificate,
    revoke_rack,
    revoked_since,
    set_state,
    store_authority,
    who_does_not_trust,
)
from evenrack.region.sealing import Sealer
from evenrack.region.trust.certificate_desk import open_authority
from evenrack.trust.certificates import certificate_pem, new_authority
from evenrack.trust.tls import Peer
from tests.region.database.sessions import facts, heard, joined, recorded
from tests.trusted import now

pytestmark = pytest.mark.postgres

PROCESS = ProcessId("region1/1")
RACK, OTHER_RACK = RackId("aaaaaaaa"), RackId("bbbbbbbb")
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=secrets.token_bytes
)
SECONDS = 10
UNDATED = Peer(rack=RACK)
"""The end of a link by whose certificate nothing can be told."""


def stored(sessions, state="active"):
    """Make an authority and give it, with the number of its row."""
    made = new_authority(now())
    return made, sessions.run(lambda c: store_authority(c, SEALER, made, state=state))


def states(sessions):
    return [(each.id, each.state) for each in sessions.run(read_authorities)]


def issued(sessions, serial, rack=RACK, *, authority=1, days=30.0, region=None):
    certificate = Issued(
        serial=serial,
        authority=authority,
        not_after=now() + timedelta(days=days),
        rack=None if region else rack,
        region=region,
    )
    sessions.run(lambda c: record_certificate(c, certificate))


def serials(sessions):
    return {serial for (serial,) in sessions.rows("SELECT serial FROM certificate")}


def revoked(sessions):
    return set(sessions.run(lambda c: read_trust(c, PROCESS)).revoked.serials)


# Authorities


def test_an_authority_is_read_as_it_was_written_and_its_key_opens(sessions):
    assert sessions.run(active_authority) is None
    made, number = stored(sessions)
    found = sessions.run(active_authority)
    assert (found.id, found.state) == (number, "active")
    assert found.certificate == certificate_pem(made.certificate).decode()
    assert open_authority(found, SEALER).pem == made.pem
    assert sessions.run(read_authorities) == (found,)


def test_the_key_of_an_authority_does_not_open_in_the_row_of_another(sessions):
    stored(sessions)
    stored(sessions, "next")
    sessions.change(
        "UPDATE authority SET sealed_key = "
        "(SELECT sealed_key FROM authority WHERE state = 'next') WHERE state = 'active'"
    )
    moved = sessions.run(active_authority)
    with pytest.raises(Damaged):
        open_authority(moved, SEALER)


def test_the_one_that_signs_is_named_first_and_then_the_newest(sessions):
    _, first = stored(sessions)
    _, second = stored(sessions, "next")
    assert states(sessions) == [(first, "active"), (second, "next")]
    sessions.run(lambda c: set_state(c, first, "retiring"))
    sessions.run(lambda c: set_state(c, second, "active"))
    _, third = stored(sessions, "next")
    assert states(sessions) == [(second, "active"), (third, "next"), (first, "retiring")]
    sessions.run(lambda c: drop_authority(c, first))
    assert states(sessions) == [(second, "active"), (third, "next")]


def test_every_change_of_an_authority_is_told_to_all_processes(sessions):
    with heard(sessions) as said:
        _, number = stored(sessions, "next")
    assert said == ["trust"]
    with heard(sessions) as said:
        sessions.run(lambda c: set_state(c, number, "active"))
    assert said == ["trust"]
    with heard(sessions) as said:
        sessions.run(lambda c: drop_authority(c, number))
    assert said == ["trust"]


def test_who_wants_to_make_an_authority_waits_for_the_other_and_then_sees_it(sessions):
    made = new_authority(now())

    def look(connection):
        lock_authorities(connection)
        return active_authority(connection)

    with sessions.open_transaction() as first:
        lock_authorities(first)
        second = sessions.start(lambda: sessions.run(look))
        sessions.wait_until_blocked()
        assert sessions.run(active_authority) is None, "who only reads does not wait"
        number = store_authority(first, SEALER, made, state="active")
        first.commit()
    assert second.result(SECONDS).id == number


# Certificates


def test_a_certificate_is_listed_as_it_was_issued(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link1"))
    issued(sessions, "5e1a")
    issued(sessions, "5e1b", OTHER_RACK)
    issued(sessions, "4e9", region="region1")
    newest, oldest = sessions.run(read_certificates)
    assert (oldest["serial"], oldest["rack"], oldest["hostname"]) == ("5e1a", RACK, "rack1")
    assert (newest["serial"], newest["rack"], newest["hostname"]) == ("5e1b", OTHER_RACK, None)
    assert newest["revoked_at"] is None
    assert newest["at"] < newest["not_after"]


def test_an_expired_certificate_is_not_listed_and_is_deleted_a_day_later(sessions):
    issued(sessions, "good")
    issued(sessions, "just-expired", days=-0.5)
    issued(sessions, "long-expired", days=-1.5)
    issued(sessions, "newer")
    assert serials(sessions) == {"good", "just-expired", "newer"}
    assert {each["serial"] for each in sessions.run(read_certificates)} == {"good", "newer"}


def test_a_rack_is_known_by_its_row_or_by_a_certificate(sessions):
    assert not sessions.run(lambda c: is_rack_known(c, RACK))
    issued(sessions, "5e1a")
    assert sessions.run(lambda c: is_rack_known(c, RACK))
    recorded(sessions, joined(sessions), facts(OTHER_RACK, "link1"))
    assert sessions.run(lambda c: is_rack_known(c, OTHER_RACK))


def test_a_rack_is_found_by_id_or_name_and_by_no_name_that_two_have(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link1"))
    assert sessions.run(lambda c: find_rack(c, "rack1")) == RACK
    assert sessions.run(lambda c: find_rack(c, RACK)) == RACK
    with pytest.raises(NoSuchRack, match='there is no rack "rack2"'):
        sessions.run(lambda c: find_rack(c, "rack2"))
    recorded(sessions, me, facts(OTHER_RACK, "link2"))
    with pytest.raises(NoSuchRack, match=f"more than one.* id of one: {RACK}, {OTHER_RACK}"):
        sessions.run(lambda c: find_rack(c, "rack1"))
    assert sessions.run(lambda c: find_rack(c, OTHER_RACK)) == OTHER_RACK


def test_a_rack_that_is_named_like_the_id_of_another_does_not_take_its_place(sessions):
    me = joined(sessions)
    recorded(sessions, me, facts(RACK, "link1"))
    recorded(sessions, me, facts(OTHER_RACK, "link2", hostname=RACK))
    assert sessions.run(lambda c: find_rack(c, RACK)) == RACK


# Revocation


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


# Who trusts whom


def test_a_process_reads_whom_it_trusts_by_its_row(sessions):
    def noted():
        return sessions.run(lambda c: read_trust(c, PROCESS)).noted

    assert noted() is None
    joined(sessions)
    assert noted() == ""
    sessions.run(lambda c: note_process_trusts(c, PROCESS, "print"))
    assert noted() == "print"
    joined(sessions)
    assert noted() == "print", "a new life of it trusts the same"


def test_who_does_not_trust_the_new_authorities_is_named(sessions):
    me = joined(sessions)
    joined(sessions, "region2/1")
    recorded(sessions, me, facts(RACK, "link1", hostname="rack1"))
    recorded(sessions, me, facts(OTHER_RACK, "link2", hostname="rack2"))
    issued(sessions, "1")
    issued(sessions, "2", OTHER_RACK)

    def waiting():
        return list(sessions.run(lambda c: who_does_not_trust(c, "new")))

    assert waiting() == [
        *("region process region1/1", "region process region2/1"),
        *("rack rack1", "rack rack2"),
    ]
    sessions.run(lambda c: note_rack_trusts(c, RACK, "new"))
    sessions.run(lambda c: note_process_trusts(c, PROCESS, "new"))
    sessions.run(lambda c: note_process_trusts(c, ProcessId("region2/1"), "old"))
    assert waiting() == ["region process region2/1", "rack rack2"]
    sessions.run(lambda c: note_rack_trusts(c, OTHER_RACK, "new"))
    sessions.change("UPDATE process SET state = 'dead' WHERE id = 'region2/1'")
    assert waiting() == []


def test_a_rack_counts_while_a_certificate_of_it_is_good_whether_it_is_connected_or_not(sessions):
    me = joined(sessions)
    sessions.run(lambda c: note_process_trusts(c, PROCESS, "new"))
    recorded(sessions, me, facts(RACK, "link1"))

    def waiting():
        return list(sessions.run(lambda c: who_does_not_trust(c, "new")))

    assert waiting() == [], "no certificate: nothing to lose"
    issued(sessions, "1")
    recorded(sessions, me, facts(RACK))
    assert waiting() == ["rack rack1"], "it is away, and will want to come back"
    sessions.run(lambda c: revoke_rack(c, RACK))
    assert waiting() == []
    issued(sessions, "2", days=-0.1)
    assert waiting() == []


def test_only_the_newest_good_certificate_of_each_holder_counts_as_used(sessions):
    def used():
        return [sessions.run(lambda c, n=n: certificates_of(c, n)) for n in (1, 2)]

    issued(sessions, "rack-old")
    issued(sessions, "other-old", OTHER_RACK)
    issued(sessions, "region-old", region="region1")
    assert used() == [3, 0]
    issued(sessions, "rack-new", authority=2)
    assert used() == [2, 1]
    issued(sessions, "region-new", region="region1", authority=2)
    issued(sessions, "region2", region="region2", authority=2)
    assert used() == [1, 3]
    sessions.run(lambda c: revoke_rack(c, OTHER_RACK))
    assert used() == [0, 3]
    issued(sessions, "expired", RackId("cccccccc"), days=-0.1)
    assert used() == [0, 3]
