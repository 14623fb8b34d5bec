"""JSON in pieces and text on the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp

from evenrack.wire.arguments import Json, Text

PLAIN = Json(lambda value: value, lambda form: form)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def boxed(value, argument=PLAIN):
    box = amp.Box()
    argument.toBox(b"value", box, {"value": value}, None)
    return box


def read(box, argument=PLAIN):
    objects = {}
    argument.fromBox(b"value", box, objects, None)
    return objects["value"]


@given(ANY_JSON)
def test_any_json_is_read_back_the_same(value):
    assert read(boxed(value)) == value


@pytest.mark.parametrize("length", [65_532, 65_533, 65_534, 200_000])
def test_a_value_of_any_length_is_cut_into_pieces_that_amp_can_carry(length):
    box = boxed("x" * length)
    assert max(len(piece) for piece in box.values()) <= amp.MAX_VALUE_LENGTH
    assert box.serialize()
    assert read(box) == "x" * length


def test_the_same_value_gives_the_same_bytes_whatever_the_order_of_its_keys():
    assert boxed({"a": 1, "b": 2}) == boxed({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "box",
    [
        {},
        {b"value": b""},
        {b"value": b"one"},
        {b"value": b"0"},
        {b"value": b"-1"},
        {b"value": b"65"},
        {b"value": b"9" * 5_000},
        {b"value": b"2", b"value.0": b"[]"},
        {b"value": b"1", b"value.1": b"[]"},
        {b"value": b"1", b"value.0": b""},
        {b"value": b"1", b"value.0": b"{"},
        {b"value": b"1", b"value.0": b"\xff"},
    ],
)
def test_missing_pieces_and_what_is_no_json_are_bad_arguments(box):
    with pytest.raises((KeyError, ValueError)):
        read(amp.Box(box))


def test_json_nested_deeper_than_python_can_read_is_a_bad_argument_too():
    with pytest.raises(ValueError, match="nested"):
        read(amp.Box({b"value": b"1", b"value.0": b"[" * 60_000}))


@given(st.dictionaries(st.sampled_from([b"value", b"value.0", b"value.1"]), st.binary()))
def test_any_bytes_are_read_or_are_bad_arguments(pieces):
    try:
        value = read(amp.Box(pieces))
    except (KeyError, ValueError):
        return
    assert json.dumps(value)


def test_no_more_pieces_than_allowed_are_read():
    small = Json(lambda value: value, lambda form: form, most_pieces=1)
    assert read(boxed("x"), small) == "x"
    with pytest.raises(ValueError, match="at most 1"):
        read(boxed("x" * 70_000), small)


@given(st.binary())
def test_any_bytes_are_read_as_text_or_are_bad_arguments(data):
    try:
        text = Text(str, str).fromString(data)
    except ValueError:
        return
    assert text.encode() == data
