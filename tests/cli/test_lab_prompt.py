"""What is typed at the prompt of `evenrack lab demo`, and what its help says."""

import io

import pytest
from attrs import evolve

from evenrack.cli.lab_deeds import again
from evenrack.cli.lab_prompt import DEEDS, HELP, Prompt, help_in
from evenrack.cli.session import Session
from evenrack.lab.deeds import Meant
from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces
from evenrack.lab.record import Record, write_record
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import parse_target, resolve, resolve_cables
from evenrack.runtime.child_process import ProgramId

STATUS = {
    "leader": "region2/1",
    "racks": [{"hostname": "rack4", "vlans_primary": ["vlan2"], "vlans_secondary": []}],
    "owners": {"m7": "rack2"},
}


class Keyboard(io.BytesIO):
    """Gives a line at a time, as a terminal does."""

    def read1(self, _size=-1):
        return self.readline()


@pytest.fixture
def typed(surroundings, tmp_path, monkeypatch, capsys):
    """Types lines at the prompt of a folder without a lab; gives all that was said."""

    def type_lines(text):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Keyboard(text), encoding="utf-8"))
        Prompt(Session(surroundings=surroundings), tmp_path).obey_until_the_end()
        told = capsys.readouterr()
        return told.out + told.err

    return type_lines


def examples(text=HELP):
    for line in text.splitlines():
        words = line.strip().split("  ")[0]
        if words.split()[0] in DEEDS and ".." not in words:
            yield words.split(maxsplit=1)


@pytest.mark.parametrize(("deed", "target"), list(examples()))
def test_each_example_of_the_help_means_something_in_the_lab_of_the_demo(tmp_path, deed, target):
    fleet = lay_out(tmp_path, InNamespaces(keeper=None), Size())
    find = resolve_cables if deed == "cut" else resolve
    assert find(parse_target(target), fleet, STATUS)


def test_without_a_network_the_help_has_no_example_that_this_lab_refuses(tmp_path, typed):
    lab = {"network": False, "number": 1, "size": Size(), "retain": False, "stage": "up"}
    record = Record(**lab, owner=ProgramId(1, 2))
    write_record(tmp_path, record)
    text = help_in(tmp_path)
    assert typed(b"help\n") == f"{text}\nlab> {text}\nlab> \n"
    without = {"leader": "region2/1", "racks": [], "owners": {}}
    fleet = record.fleet(tmp_path)
    kept = [(deed, target) for deed, target in examples(text)]
    for deed, target in kept:
        find = resolve_cables if deed == "cut" else resolve
        assert find(parse_target(target), fleet, without)
    write_record(tmp_path, evolve(record, network=True))
    assert help_in(tmp_path) == HELP
    for deed, target in set(map(tuple, examples())) - set(kept):
        find = resolve_cables if deed == "cut" else resolve
        with pytest.raises(LabRefused):
            find(parse_target(target), fleet, without)


def test_an_unknown_word_is_named_with_those_that_there_are(typed):
    assert "frobnicate is no command here; there are kill, hang, " in typed(b"frobnicate x\n")


@pytest.mark.parametrize("deed", ["kill", "hang", "cut"])
def test_a_deed_without_a_target_is_told_which_there_are(typed, deed):
    assert f"{deed} what? targets are region1 (a host), " in typed(f"{deed}\n".encode())


@pytest.mark.parametrize("deed", ["heal", "restart"])
def test_what_mends_needs_no_target(typed, deed):
    assert "LabRefused: no lab runs in " in typed(f"{deed}\n".encode())


def test_what_cannot_be_done_does_not_end_the_prompt(typed):
    told = typed(b"status\nkill rack1\nfrobnicate\n")
    assert told.count("LabRefused: no lab runs in ") == 2
    assert "frobnicate is no command" in told


def test_bytes_that_are_no_text_do_not_end_the_prompt(typed):
    told = typed(b"\xff\xfe\nfrobnicate\n")
    assert "these bytes are no text" in told
    assert "frobnicate is no command" in told


def test_empty_lines_say_nothing_and_the_end_of_input_ends_it(typed):
    assert typed(b"\n   \n") == f"{HELP}\n" + "lab> " * 3 + "\n"


@pytest.mark.parametrize("word", ["quit", "exit"])
def test_after_quit_nothing_more_is_read(typed, word):
    assert "no command" not in typed(f"{word}\nfrobnicate\n".encode())


@pytest.mark.parametrize(
    ("target", "programs", "cables", "name"),
    [
        ("leader", ["region1/2"], [], "region1/2"),
        ("primary of vlan2", ["rack4/rackd", "rack4/dhcpd"], [], "rack4"),
        ("region1", ["region1/1", "region1/2"], [], "region1"),
        ("rack3:vlan2", [], ["rack3:vlan2"], "rack3:vlan2"),
        ("leader", [], ["region1:management"], "region1"),
        ("postgres", ["postgres"], [], "postgres"),
    ],
)
def test_the_cure_that_is_told_is_for_all_that_was_broken(target, programs, cables, name):
    assert again(Meant(programs=programs, cables=cables), target) == name
