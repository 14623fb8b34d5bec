"""`evenrack balance solve`: a pure function of a file."""

import json
import re
from pathlib import Path

import pytest

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"

STATE = {
    "kind": "spread",
    "theta": 0,
    "gap": 2,
    "bins": [{"id": "a"}, {"id": "b"}],
    "items": [{"id": str(n), "reach": ["a", "b"], "owner": "a"} for n in range(4)],
}


def test_the_answer_is_json_and_the_same_each_time(call, tmp_path):
    file = tmp_path / "state.json"
    file.write_text(json.dumps(STATE))
    code, printed, _ = call("balance", "solve", "--state", str(file))
    assert code == 0
    found = json.loads(printed)
    assert sorted(found["owners"].values()) == ["a", "a", "b", "b"]
    assert [move["reason"] for move in found["moves"]] == ["a has 4, b has 0", "a has 3, b has 1"]
    assert call("balance", "solve", "--state", str(file))[1] == printed


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "state.json: the file is no JSON"),
        (b"\xff", "state.json: it is no UTF-8"),
        (
            json.dumps({**STATE, "gap": 1}).encode(),
            "state.json: the file: gap: it must be at least 2, not 1",
        ),
    ],
    ids=["json", "utf-8", "gap"],
)
def test_a_file_that_cannot_be_used_is_one_line_and_exit_1(call, tmp_path, content, told):
    file = tmp_path / "state.json"
    file.write_bytes(content)
    code, printed, error = call("balance", "solve", "--state", str(file))
    assert (code, printed) == (1, "")
    assert told in error
    assert error.count("\n") == 1


def test_a_file_that_is_not_there_is_told_of(call, tmp_path):
    code, _, error = call("balance", "solve", "--state", str(tmp_path / "no.json"))
    assert code == 1
    assert "it cannot be read: No such file or directory" in error


def test_the_two_forms_in_the_documentation_are_solved(call, tmp_path):
    states = re.findall(r"^```json\n(.*?)^```", OPERATING.read_text(), re.MULTILINE | re.DOTALL)
    assert [json.loads(state)["kind"] for state in states] == ["spread", "pairs"]
    file = tmp_path / "state.json"
    found = []
    for state in states:
        file.write_text(state)
        code, printed, _ = call("balance", "solve", "--state", str(file))
        assert code == 0
        found.append(json.loads(printed))
    of_spread, of_pairs = found
    assert [move["item"] for move in of_spread["moves"]] == ["rack3", "rack1"]
    assert {vlan: pair["primary"] for vlan, pair in of_pairs["pairs"].items()} == {
        "vlan1": "rack2",
        "vlan2": "rack1",
    }
