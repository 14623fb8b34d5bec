"""The commands, against a small real server on a Unix socket."""

import json
import shlex

import click
import pytest

from evenrack.cli.main import evenrack
from tests.cli.small_api import small_api
from tests.cli.test_show import STATUS


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/status", STATUS)
        api.answer("/api/v1/racks", STATUS["racks"])
        api.answer("/api/v1/regions", STATUS["regions"])
        api.answer("/api/v1/problems", STATUS["problems"])
        yield api


def words_of(value):
    return " ".join(value) if isinstance(value, tuple) else ""


def commands(group=evenrack, words=("evenrack",)):
    yield words, group
    if isinstance(group, click.Group):
        with click.Context(group) as context:
            for name in group.list_commands(context):
                yield from commands(group.get_command(context, name), (*words, name))


def test_the_sockets_of_this_machine_are_asked_without_being_named(api, call):
    code, printed, _ = call("status")
    assert code == 0
    assert printed.startswith("problems:\n")


def test_json_is_what_the_region_answered(api, call):
    assert json.loads(call("status", "--json")[1]) == STATUS
    assert json.loads(call("rack", "list", "--json")[1]) == STATUS["racks"]
    assert json.loads(call("region", "list", "--json")[1]) == STATUS["regions"]
    assert json.loads(call("problems", "--json")[1]) == STATUS["problems"]
    assert json.loads(call("rack", "show", "abcd", "--json")[1]) == STATUS["racks"][0]
    assert json.loads(call("region", "show", "region1/2", "--json")[1])["pid"] == 8


def test_tables_have_no_colour_and_no_boxes_in_a_pipe(api, call):
    for words in (["status"], ["rack", "list"], ["region", "list"], ["problems"]):
        code, printed, complaints = call(*words)
        assert (code, complaints) == (0, "")
        assert printed.isascii()
        assert "\x1b" not in printed


def test_one_rack_and_one_region_are_shown(api, call):
    assert "managed by: -" in call("rack", "show", "rack1")[1]
    assert "processes:" in call("region", "show", "region1")[1]


def test_check_fails_when_there_are_problems(api, call):
    assert call("status", "--check")[0] == 1
    api.answer("/api/v1/status", {**STATUS, "problems": []})
    assert call("status", "--check")[0] == 0


def test_watching_goes_on_until_ctrl_c_with_one_object_a_line(api, call):
    code, printed, complaints = call("status", "--watch", "--json")
    assert code == 130
    assert [json.loads(line) for line in printed.splitlines()] == [STATUS] * 3
    assert "Ctrl-C" in complaints


def test_events_are_followed_from_where_one_stopped(api, call):
    first = {"id": 3, "at": "t", "kind": "join", "object": "rack:a", "text": "came", "data": {}}
    later = {**first, "id": 4, "text": "went"}
    api.answer("/api/v1/events?limit=100", {"events": [first], "next": 3})
    api.answer("/api/v1/events?after=3&limit=500", {"events": [later], "next": 4})
    api.answer("/api/v1/events?after=4&limit=500", {"events": [], "next": 4})
    code, printed, _ = call("events", "--follow", "--json")
    assert code == 130
    assert [json.loads(line)["id"] for line in printed.splitlines()] == [3, 4]
    assert json.loads(call("events", "--json")[1]) == [first]
    assert call("events")[1] == "t  join  rack:a  came\n"


def test_history_is_shown(api, call):
    api.answer("/api/v1/balance/history?limit=5", [])
    assert call("balance", "history", "--limit", "5")[1] == "no moves yet\n"
    assert json.loads(call("balance", "history", "--limit", "5", "--json")[1]) == []


def test_a_problem_is_explained_without_any_region(call):
    code, printed, _ = call("problems", "explain", "racklost")
    assert code == 0
    assert printed.startswith("code: RackLost\nmeaning: ")
    assert set(json.loads(call("problems", "explain", "RackLost", "--json")[1])) == {
        "code",
        "meaning",
        "suffers",
        "do",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--socket", "/nowhere/x.sock", "status"], 5, "RegionUnreachable: "),
        (["rack", "show", "rack9"], 1, "NoSuchName: no rack"),
        (["balance", "history"], 1, "NotFound: not here"),
        (["problems", "explain", "Nothing"], 1, "NoSuchName: no problem"),
        (["lab", "up", "--no-net", "--region-hosts", "200"], 1, "LabRefused: a lab has 1 to 99"),
        (["lab", "status"], 1, "LabRefused: no lab runs"),
        (["lab", "kill", "rack1"], 1, "LabRefused: no lab runs"),
        (["lab", "drill", "--only", "P99"], 1, "LabRefused: no check for P99"),
    ],
)
def test_an_error_is_one_line_with_its_code(api, call, arguments, code, said):
    found, printed, complaints = call(*arguments)
    assert found == code
    assert printed == ""
    assert len(complaints.splitlines()) == 1
    assert complaints.startswith(f"evenrack: {said}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["status", "--nothing"],
        ["--region", "region1:5240", "status"],
        ["rack", "show"],
        ["events", "--limit", "0"],
        ["events", "--limit", "100000"],
    ],
)
def test_wrong_usage_is_2(api, call, arguments):
    assert call(*arguments)[0] == 2


@pytest.mark.parametrize("option", ["--region", "--socket", "--token-file", "--authority"])
def test_an_option_that_stands_too_late_is_told_where_it_belongs(api, call, option):
    code, _, complaints = call("status", option, "x")
    assert code == 2
    assert f"{option} stands before the command" in complaints


def test_not_allowed_is_4(api, call):
    api.refuse("/api/v1/racks", 403, "NotAllowed", "no")
    assert call("rack", "list")[0] == 4


def test_going_down_without_a_lab_is_no_error(call):
    code, printed, told = call("lab", "down")
    assert (code, printed) == (0, "")
    assert "nothing to do" in told


def test_the_help_names_every_command(call):
    printed = call("--help")[1]
    for name in (
        *("status", "problems", "events", "region", "rack", "balance", "lab"),
        *("vlan", "subnet", "range", "reservation"),
    ):
        assert f"\n  {name} " in printed
    printed = call("lab", "--help")[1]
    for name in ("up", "down", "status", "kill", "hang", "heal", "restart", "logs", "drill"):
        assert f"\n  {name} " in printed


@pytest.mark.parametrize(("words", "command"), list(commands()), ids=words_of)
def test_every_command_has_help_and_examples_that_can_be_typed(words, command, call):
    code, printed, _ = call(*words[1:], "--help")
    assert code == 0
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    examples = [line.strip() for line in printed.partition("Examples:")[2].splitlines()]
    examples = [line for line in examples if line]
    assert examples
    for example in examples:
        understand(example)


def understand(example):
    """Parse as the command line would, down to the last word, and run nothing."""
    name, *words = shlex.split(example)
    command, context = evenrack, evenrack.make_context(name, words)
    while isinstance(command, click.Group):
        words = [*context._protected_args, *context.args]
        if not words:
            assert command.invoke_without_command
            return
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, words, parent=context)
