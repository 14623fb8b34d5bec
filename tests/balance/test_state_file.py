"""States from files: read as they are, or refused with one clear line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.solve import solve
from evenrack.balance.state_file import StateRefused, read_state
from tests.strategies import spread_problems

BIN = {"id": "b1", "host": "h", "capacity": 1}
ITEM = {"id": "i1", "reach": ["b1"], "owner": None}
SPREAD = {"kind": "spread", "theta": 0.1, "gap": 2, "bins": [BIN], "items": [ITEM]}
VLAN = {"id": "v1", "attached": ["r1", "r2"], "primary": "r1", "secondary": "r2", "pinned": []}
PAIRS = {"kind": "pairs", "racks": [{"id": "r1", "domain": "a"}, {"id": "r2"}], "vlans": [VLAN]}


def answer(state):
    return solve(read_state(json.dumps(state)))


def test_an_item_without_an_owner_gets_one_and_is_told_why():
    assert answer(SPREAD) == {
        "owners": {"i1": "b1"},
        "moves": [
            {
                "item": "i1",
                "from": None,
                "to": "b1",
                "forced": True,
                "reason": "it has no owner yet",
            }
        ],
    }


def test_a_bin_that_is_missing_from_the_list_is_dead_and_its_items_are_ownerless():
    item = {"id": "i1", "reach": ["b1", "gone"], "owner": "gone"}
    found = answer({**SPREAD, "items": [item]})
    assert found["owners"] == {"i1": "b1"}
    assert found["moves"][0]["reason"] == "gone is gone"
    lonely = answer({**SPREAD, "items": [{**item, "reach": ["gone"]}]})
    assert lonely["owners"] == {"i1": None}
    assert [(m["from"], m["to"]) for m in lonely["moves"]] == [("gone", None)]


def test_a_pair_that_is_whole_moves_nothing():
    assert answer(PAIRS) == {
        "pairs": {"v1": {"primary": "r1", "secondary": "r2", "degraded": None}},
        "moves": [],
    }


def test_a_dead_primary_s_secondary_succeeds():
    found = answer({**PAIRS, "racks": [{"id": "r2"}]})
    assert found["pairs"]["v1"]["primary"] == "r2"
    assert found["pairs"]["v1"]["degraded"] == "r2 is the only live rack on it"
    assert found["moves"][0] == {
        "vlan": "v1",
        "role": "primary",
        "from": "r1",
        "to": "r2",
        "forced": True,
        "reason": "r1 is gone; its secondary succeeds",
    }


@given(spread_problems(missing_bins=True), st.sampled_from([0, 0.1, 0.5]), st.integers(2, 4))
def test_an_answer_fed_back_moves_nothing(problem, theta, gap):
    bins, items = problem
    known = {b.id for b in bins}
    state = {
        "kind": "spread",
        "theta": theta,
        "gap": gap,
        "bins": [{"id": b.id, "host": b.host, "capacity": b.capacity} for b in bins],
        "items": [
            {
                "id": i.id,
                "reach": list(i.reach),
                "owner": i.owner if i.owner in i.reach or i.owner not in known else None,
            }
            for i in items
        ],
    }
    owners = answer(state)["owners"]
    state["items"] = [{**item, "owner": owners[item["id"]]} for item in state["items"]]
    again = answer(state)
    assert (again["moves"], again["owners"]) == ([], owners)


def spread(**changes):
    return json.dumps({**SPREAD, **changes})


def of_bin(**changes):
    return spread(bins=[{**BIN, **changes}])


def of_item(**changes):
    return spread(items=[{**ITEM, **changes}])


def of_vlan(**changes):
    return json.dumps({**PAIRS, "vlans": [{**VLAN, **changes}]})


def without(key):
    return json.dumps({k: v for k, v in SPREAD.items() if k != key})


REFUSED = {
    "no JSON": ("{", "the file is no JSON: "),
    "empty": ("", "the file is no JSON: "),
    "a list": ("[]", "the file: it must be an object, not a list"),
    "deep": ("[" * 100_000, "the file is nested too deeply"),
    "not a number": (spread(theta=float("nan")), "NaN is no number of JSON"),
    "a huge number": (spread(theta=1).replace('"theta": 1', '"theta": 1e999'), "theta: it must be"),
    "many digits": (
        spread(gap=1).replace('"gap": 1', '"gap": ' + "9" * 5000),
        "the file is no JSON",
    ),
    "a key twice": ('{"kind": "spread", "kind": "pairs"}', 'the key "kind" is there twice'),
    "no kind": (without("kind"), "kind: it is missing"),
    "another kind": (spread(kind="x"), 'kind: it must be "spread" or "pairs", not "x"'),
    "an unknown key": (spread(color=1), 'the file: unknown key "color"'),
    "no bins": (without("bins"), "bins: it is missing"),
    "bins no list": (spread(bins={}), "bins: it must be a list, not an object"),
    "theta a word": (spread(theta="0.1"), 'theta: it must be a number, not "0.1"'),
    "theta true": (spread(theta=True), "theta: it must be a number, not true"),
    "theta negative": (spread(theta=-0.1), "theta: it must be from 0 to 1, not -0.1"),
    "theta huge": (spread(theta=10**400), "theta: it must be from 0 to 1, not 1000"),
    "gap 1": (spread(gap=1), "gap: it must be at least 2, not 1"),
    "gap broken": (spread(gap=2.5), "gap: it must be a whole number, not 2.5"),
    "a bin no object": (spread(bins=["b1"]), 'bins[0]: it must be an object, not "b1"'),
    "a bin twice": (spread(bins=[BIN, BIN]), 'bins[1]: id: "b1" is there twice'),
    "capacity negative": (of_bin(capacity=-1), "bins[0]: capacity: it must be from 0 to 1, not -1"),
    "capacity true": (of_bin(capacity=True), "bins[0]: capacity: it must be a whole number"),
    "a bin's id null": (of_bin(id=None), "bins[0]: id: it is missing"),
    "a bin's id empty": (of_bin(id=""), 'bins[0]: id: it must be a text, not ""'),
    "a bin's key": (of_bin(weight=1), 'bins[0]: unknown key "weight"'),
    "an item twice": (spread(items=[ITEM, ITEM]), 'items[1]: id: "i1" is there twice'),
    "no reach": (spread(items=[{"id": "i1"}]), "items[0]: reach: it is missing"),
    "a reach of numbers": (of_item(reach=[1]), "items[0]: reach: it must be a list of texts"),
    "half a character": (of_item(id="\ud800"), 'items[0]: id: it must be a text, not "\\ud800"'),
    "owner a number": (of_item(owner=3), "items[0]: owner: it must be a text or null, not 3"),
    "owner out of reach": (
        of_item(reach=[], owner="b1"),
        'items[0]: owner: "b1" is not in the reach of "i1"',
    ),
    "a rack twice": (
        json.dumps({**PAIRS, "racks": [{"id": "r1"}, {"id": "r1"}]}),
        'racks[1]: id: "r1" is there twice',
    ),
    "a vlan twice": (json.dumps({**PAIRS, "vlans": [VLAN, VLAN]}), 'vlans[1]: id: "v1" is'),
    "both the same": (of_vlan(secondary="r1"), 'vlans[0]: secondary: "r1" is the primary as well'),
    "not attached": (of_vlan(attached=["r2"]), 'vlans[0]: primary: "r1" is not attached to "v1"'),
    "a strange role": (of_vlan(pinned=["x"]), "vlans[0]: pinned: a role is"),
    "nobody pinned": (
        of_vlan(secondary=None, pinned=["secondary"]),
        "vlans[0]: pinned: the secondary is pinned, but there is none",
    ),
    "a vlan's key": (of_vlan(mtu=9000), 'vlans[0]: unknown key "mtu"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_malformed_or_contradicts_itself_is_refused_with_one_line(case):
    text, told = REFUSED[case]
    with pytest.raises(StateRefused) as refused:
        read_state(text)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(json.dumps)
)
def test_any_text_is_a_state_or_is_refused(text):
    told = ""
    try:
        read_state(text)
    except StateRefused as refused:
        told = str(refused)
    assert "\n" not in told
