"""Certificates in PostgreSQL: listed as issued until they expire, and whose they are."""

import pytest

from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.database.trust_store import is_rack_known, read_certificates
from tests.region.database.sessions import facts, joined, recorded
from tests.region.database.trust.trust_rows import OTHER_RACK, RACK, issued

pytestmark = pytest.mark.postgres


def serials(sessions):
    return {serial for (serial,) in sessions.rows("SELECT serial FROM certificate")}


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
