"""Sealed secrets: they open in their place, with their key, and nowhere else."""

import copy
import pickle
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.config.key_file import NO_KEYS, Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import Damaged, KeyMissing
from evenrack.region.sealing import Cell, Sealer, key_id_of

CLEAR = Secret(b"SESAME open")
CELL = Cell(table="bmc", column="password", row=7)


def key(key_id, content=None):
    return Key(id=key_id, content=Secret(content or key_id.encode() * 32))


def sealer(*keys):
    return Sealer(keys=Keys(all=keys), token_bytes=secrets.token_bytes)


OLD, NEW = key("a"), key("b")
SEALER = sealer(OLD)


@given(st.binary(max_size=300), st.integers(0, 2**31 - 1))
def test_what_is_sealed_opens_in_its_place_and_does_not_show(clear, row):
    cell = Cell(table="bmc", column="password", row=row)
    sealed = SEALER.seal(Secret(clear), cell)
    assert SEALER.open(sealed, cell) == Secret(clear)
    assert len(clear) < 4 or clear not in sealed
    assert len(sealed) == len(clear) + 1 + 1 + 12 + 16


def test_the_same_secret_is_sealed_differently_each_time():
    assert SEALER.seal(CLEAR, CELL) != SEALER.seal(CLEAR, CELL)


@pytest.mark.parametrize(
    "other",
    [
        Cell(table="bmc", column="password", row=8),
        Cell(table="bmc", column="user", row=7),
        Cell(table="machine", column="password", row=7),
        Cell(table="bmc\0password", column="7", row=7),
    ],
)
def test_a_blob_that_was_copied_elsewhere_does_not_open(other):
    with pytest.raises(Damaged, match="copied from another row") as refusal:
        SEALER.open(SEALER.seal(CLEAR, CELL), other)
    assert "SESAME" not in str(refusal.value)


def test_any_change_of_a_single_bit_is_noticed():
    sealed = SEALER.seal(CLEAR, CELL)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Damaged, KeyMissing)):
            SEALER.open(bytes(changed), CELL)


def test_a_blob_that_was_cut_or_is_none_is_damaged():
    sealed = SEALER.seal(Secret(b""), CELL)
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            SEALER.open(sealed[:length], CELL)
    for blob in (b"\0" * 60, b"\xff" * 60, b"\x02\xc3\xa9" + b"x" * 60, b"\x03a\0b" + b"x" * 60):
        with pytest.raises(Damaged):
            key_id_of(blob, CELL)


def test_after_a_new_key_was_put_first_old_blobs_open_and_new_ones_need_it():
    old = SEALER.seal(CLEAR, CELL)
    both = sealer(NEW, OLD)
    new = both.seal(CLEAR, CELL)
    assert both.open(old, CELL) == both.open(new, CELL) == CLEAR
    assert (key_id_of(old, CELL), key_id_of(new, CELL)) == ("a", "b")
    with pytest.raises(KeyMissing, match='no key "b"') as refusal:
        SEALER.open(new, CELL)
    assert refusal.value.key_id == "b"
    with pytest.raises(KeyMissing, match='no key "a"'):
        sealer(NEW).open(old, CELL)


def test_another_key_of_the_same_id_does_not_open_it():
    with pytest.raises(Damaged) as refusal:
        sealer(key("a", b"x" * 32)).open(SEALER.seal(CLEAR, CELL), CELL)
    assert refusal.value.__cause__ is None


def test_without_any_key_nothing_is_sealed_and_the_missing_key_is_named():
    none = Sealer(keys=NO_KEYS, token_bytes=secrets.token_bytes)
    with pytest.raises(KeyMissing, match="no key to encrypt with") as refusal:
        none.seal(CLEAR, CELL)
    assert refusal.value.key_id is None
    with pytest.raises(KeyMissing, match='no key "a"'):
        none.open(SEALER.seal(CLEAR, CELL), CELL)


def test_neither_the_secret_nor_the_key_shows_in_any_of_it():
    opened = SEALER.open(SEALER.seal(CLEAR, CELL), CELL)
    for value in (SEALER, opened, CELL, OLD):
        assert "SESAME" not in repr(value) + str(value)
        assert "a" * 32 not in repr(value) + str(value)
    for carry in (pickle.dumps, copy.deepcopy):
        for value in (SEALER, opened):
            with pytest.raises(TypeError):
                carry(value)
