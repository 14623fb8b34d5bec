"""Passwords of BMCs in PostgreSQL: sealed for their row, and nobody reads them there."""

import secrets

import pytest

from evenrack.config.key_file import NO_KEYS, Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged, KeyMissing
from evenrack.region.database.bmc_reading import (
    k_g_cell,
    password_cell,
    sealed_k_g_of,
    sealed_password_of,
)
from evenrack.region.database.bmc_store import ObjectRefused, Wish, create
from evenrack.region.database.event_store import read_events
from evenrack.region.sealing import Sealer, key_id_of
from tests.region.database.bmcs.bmc_rows import (
    CLEAR,
    OLD,
    access,
    changed,
    everything,
    found,
    made,
    number_of,
    password,
    sealer,
)

pytestmark = pytest.mark.postgres


def opened(sessions, bmc, opener=OLD):
    sealed = sessions.run(lambda c: sealed_password_of(c, bmc.value.id))
    return opener.open(sealed, password_cell(bmc.value.id)).reveal().decode()


def test_a_password_is_kept_sealed_for_its_row_and_opens_there(kept):
    for name in ("b1", "b2"):
        assert opened(kept, found(kept, "bmc", name)) == CLEAR
    blobs = kept.rows("SELECT password FROM bmc")
    assert len({bytes(blob) for (blob,) in blobs}) == 3
    assert not any(CLEAR.encode() in bytes(blob) for (blob,) in blobs)


def test_a_password_that_was_moved_to_another_row_does_not_open(kept):
    kept.change(
        "UPDATE bmc SET password = (SELECT password FROM bmc WHERE name = 'b1') WHERE name = 'b2'"
    )
    assert opened(kept, found(kept, "bmc", "b1")) == CLEAR
    with pytest.raises(Damaged, match="copied from another row"):
        opened(kept, found(kept, "bmc", "b2"))


def test_a_password_of_a_missing_or_another_key_does_not_open_and_says_why(kept):
    bmc = found(kept, "bmc", "b1")
    with pytest.raises(KeyMissing, match='no key "a"') as refusal:
        opened(kept, bmc, sealer("b"))
    assert refusal.value.key_id == "a"
    other = Keys(all=(Key(id="a", content=Secret(b"x" * 32)),))
    with pytest.raises(Damaged):
        opened(kept, bmc, Sealer(keys=other, token_bytes=secrets.token_bytes))


def test_with_a_new_key_before_the_old_one_old_passwords_open_and_new_ones_have_the_new(kept):
    both = sealer("b", "a")
    changed(kept, "bmc", "b2", Wish(password=password("other", both)))
    first, second = found(kept, "bmc", "b1"), found(kept, "bmc", "b2")
    assert (opened(kept, first, both), opened(kept, second, both)) == (CLEAR, "other")
    with pytest.raises(KeyMissing, match='no key "b"'):
        opened(kept, second, OLD)
    assert opened(kept, second, sealer("b")) == "other"
    sealed = kept.run(lambda c: sealed_password_of(c, second.value.id))
    assert key_id_of(sealed, password_cell(second.value.id)) == "b"


def test_a_damaged_password_is_mended_by_setting_it_anew(kept):
    kept.change("UPDATE bmc SET password = 'x' WHERE name = 'b1'")
    bmc = found(kept, "bmc", "b1")
    with pytest.raises(Damaged):
        opened(kept, bmc)
    after = changed(kept, "bmc", "b1", Wish(password=password()))
    assert opened(kept, after) == CLEAR
    assert after.number == number_of(kept) > bmc.number


def opened_k_g(sessions, bmc):
    sealed = sessions.run(lambda c: sealed_k_g_of(c, bmc.value.id))
    return sealed and OLD.open(sealed, k_g_cell(bmc.value.id)).reveal().decode()


def test_a_key_of_a_bmc_is_kept_sealed_changed_and_forgotten(sessions):
    fields = {"name": "b1", **access(1, driver="ipmi")}
    wish = Wish(fields=fields, password=password(), k_g=password("SESAME k_g"))
    bmc = sessions.run(lambda c: create(c, "bmc", wish))
    assert (bmc, bmc.value.k_g_set) == (found(sessions, "bmc", "b1"), True)
    assert (opened(sessions, bmc), opened_k_g(sessions, bmc)) == (CLEAR, "SESAME k_g")
    changed(sessions, "bmc", "b1", Wish(k_g=password("SESAME 2")))
    assert (opened(sessions, bmc), opened_k_g(sessions, bmc)) == (CLEAR, "SESAME 2")
    changed(sessions, "bmc", "b1", user="other")
    assert opened_k_g(sessions, bmc) == "SESAME 2"
    for _ in range(2):
        after = changed(sessions, "bmc", "b1", Wish(no_k_g=True))
        assert (opened_k_g(sessions, bmc), after.value.k_g_set) == (None, False)
    events = sessions.run(lambda c: read_events(c, after=0, limit=100))
    assert [event["text"] for event in events] == [
        "bmc b1 was created",
        "bmc b1 was changed: new key K_g",
        "bmc b1 was changed: user admin -> other",
        "bmc b1 was changed: k_g_set True -> False",
    ]
    assert "SESAME" not in repr(events)


def test_a_key_that_cannot_be_or_that_a_driver_would_show_is_refused(kept):
    made(kept, "b9", 9, driver="ipmi")
    for name, wish in (
        ("b9", Wish(k_g=password("SESAME" * 4))),
        ("b1", Wish(k_g=password("SESAME"))),
    ):
        with pytest.raises(ObjectRefused) as refused:
            changed(kept, "bmc", name, wish)
        assert [breach.field for breach in refused.value.breaches] == ["k_g"]
        assert "SESAME" not in str(refused.value)
    changed(kept, "bmc", "b9", Wish(k_g=password("SESAME")))
    with pytest.raises(ObjectRefused, match="other programs see it"):
        changed(kept, "bmc", "b9", driver="ipmitool")


def test_other_changes_leave_the_password_alone_and_need_no_key(kept):
    after = changed(kept, "bmc", "b1", user="operator", port=6230)
    assert opened(kept, after) == CLEAR


def test_without_a_key_nothing_is_created_or_changed(kept):
    before = everything(kept)
    none = password(CLEAR, Sealer(keys=NO_KEYS, token_bytes=secrets.token_bytes))
    with pytest.raises(KeyMissing, match="no key to encrypt with"):
        made(kept, "b4", 4, none)
    with pytest.raises(KeyMissing, match="no key to encrypt with"):
        changed(kept, "bmc", "b1", Wish(fields={"user": "x"}, password=none))
    assert everything(kept) == before
