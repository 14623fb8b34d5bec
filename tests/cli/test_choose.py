"""Names, ids and prefixes of ids."""

import pytest

from evenrack.cli.choose import NoSuchName, choose

RACKS = [
    {"id": "abcd1234", "hostname": "rack1"},
    {"id": "abxy5678", "hostname": "rack2"},
    {"id": "rack1zzz", "hostname": "twin"},
    {"id": "tttt0000", "hostname": "twin"},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("rack2", "abxy5678"), ("abcd1234", "abcd1234"), ("abc", "abcd1234"), ("rack1", "abcd1234")],
)
def test_names_ids_and_unique_prefixes_are_accepted(wanted, found):
    assert choose(RACKS, wanted, "rack")["id"] == found


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("ab", "abcd1234, abxy5678"),
        ("twin", "name one by id: rack1zzz, tttt0000"),
        ("rack9", "there are: rack1, rack2"),
        ("", "no rack"),
    ],
)
def test_what_is_not_one_rack_is_refused_with_the_choices(wanted, said):
    with pytest.raises(NoSuchName, match=said):
        choose(RACKS, wanted, "rack")
