"""Authorities in PostgreSQL: kept sealed, told to all, and who trusts which."""

import pytest

from evenrack.errors import Damaged
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.trust_store import (
    active_authority,
    certificates_of,
    drop_authority,
    lock_authorities,
    note_process_trusts,
    note_rack_trusts,
    read_authorities,
    read_trust,
    revoke_rack,
    set_state,
    store_authority,
    who_does_not_trust,
)
from evenrack.region.trust.certificate_desk import open_authority
from evenrack.trust.certificates import certificate_pem, new_authority
from tests.region.database.sessions import facts, heard, joined, recorded
from tests.region.database.trust.trust_rows import OTHER_RACK, PROCESS, RACK, SEALER, issued
from tests.trusted import now

pytestmark = pytest.mark.postgres

SECONDS = 10


def stored(sessions, state="active"):
    """Make an authority and give it, with the number of its row."""
    made = new_authority(now())
    return made, sessions.run(lambda c: store_authority(c, SEALER, made, state=state))


def states(sessions):
    return [(each.id, each.state) for each in sessions.run(read_authorities)]


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
