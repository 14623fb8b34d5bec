"""What is worth nothing any more, as it is asked and as it is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from evenrack.model.identifiers import RackId
from evenrack.trust.revocations import Revocations, revocations_from_text
from evenrack.trust.tls import Peer
from tests.trusted import RACK

AT = datetime(2026, 3, 1, 12, 0, 7, 250_000, tzinfo=UTC)
OTHER = RackId("other001")
REVOKED = Revocations(serials=frozenset({"5e1a", "5e1b"}), racks={RACK: AT, OTHER: AT})


def test_what_is_written_down_is_read_again():
    assert revocations_from_text(REVOKED.as_text()) == REVOKED
    assert revocations_from_text("") == Revocations()


def test_what_an_older_program_wrote_is_read():
    assert revocations_from_text("5e1a\n5e1b\n") == evolve(REVOKED, racks={})


@pytest.mark.parametrize("text", ["a b\n", "a 1 2\n"])
def test_a_damaged_line_is_refused(text):
    with pytest.raises(ValueError, match=r"could not convert|too many"):
        revocations_from_text(text)


@pytest.mark.parametrize(
    ("serial", "before", "is_out"),
    [
        ("5e1a", timedelta(0), True),
        ("another", timedelta(seconds=8), True),
        ("another", timedelta(0), False),
        ("another", timedelta(seconds=-8), False),
    ],
    ids=["its number", "older", "of that second", "newer"],
)
def test_a_certificate_is_revoked_by_its_number_or_by_being_older(serial, before, is_out):
    issued = AT.replace(microsecond=0) - before
    assert REVOKED.shut_out(Peer(rack=RACK, serial=serial, issued_at=issued)) is is_out


def test_of_a_rack_that_was_not_revoked_and_of_who_shows_no_certificate_nothing_is():
    old = AT - timedelta(days=99)
    assert not REVOKED.shut_out(Peer(rack=RackId("third001"), serial="another", issued_at=old))
    assert not REVOKED.shut_out(Peer(rack=RACK, serial="another"))
    assert not REVOKED.shut_out(Peer(rack=None))
