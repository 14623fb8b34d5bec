"""The ids that a region draws for new racks."""

import itertools
from collections import Counter

from evenrack.model.identifiers import RACK_ID_CHARACTERS, new_rack_id, rack_id_from_text


def test_two_racks_get_two_ids_and_each_is_one():
    numbers = itertools.count()
    drawn = {new_rack_id(lambda length: next(numbers).to_bytes(length, "big")) for _ in range(32)}
    assert len(drawn) == 32
    assert {rack_id_from_text(each) for each in drawn} == drawn


def test_the_characters_of_an_id_are_equally_likely_and_not_mistaken_for_each_other():
    assert len(RACK_ID_CHARACTERS) == len(set(RACK_ID_CHARACTERS)) == 32
    assert set("ilou") & set(RACK_ID_CHARACTERS) == set()
    drawn = Counter(
        new_rack_id(lambda length, byte=byte: bytes([byte] * length))[0] for byte in range(256)
    )
    assert set(drawn.values()) == {8}
