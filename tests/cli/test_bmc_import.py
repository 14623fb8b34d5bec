"""`evenrack bmc import` and `evenrack machine import`: a plan, a question, and all or nothing."""

import json

import pytest

from tests.cli.small_api import small_api

PLAN = {"new": 2, "changed": 1, "same": 4, "plan": "abc", "generation": None}
DONE = {**PLAN, "generation": "1.9"}


@pytest.mark.parametrize("noun", ["bmc", "machine"])
def test_the_plan_is_shown_first_and_then_the_same_is_imported(noun, tmp_path, call):
    path = f"/api/v1/{noun}s/import"
    file = tmp_path / "file.csv"
    file.write_text("name\n")
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer(f"{path}?plan=true", PLAN, method="POST")
        api.answer(f"{path}?planned=abc", DONE, method="POST")
        assert call(noun, "import", str(file), "--plan")[:2] == (0, "new: 2\nchanged: 1\nsame: 4\n")
        assert call(noun, "import", str(file))[0] == 2, "without a terminal it needs --yes"
        code, printed, told = call(noun, "import", str(file), "--yes", "--json")
        assert (code, json.loads(printed)) == (0, DONE)
        assert f"{noun}s imported; next: evenrack {noun} list" in told
        assert [change[1] for change in api.changes] == [
            *[f"{path}?plan=true"] * 3,
            f"{path}?planned=abc",
        ]
