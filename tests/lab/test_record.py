"""lab.json: read back as written, and refused when it is something else."""

import json

import pytest
from attrs import evolve

from evenrack.lab.fleet import Size
from evenrack.lab.network.keeper import Keeper
from evenrack.lab.record import (
    Record,
    change_record,
    note_program,
    read_record,
    record_path,
    write_record,
)
from evenrack.lab.refusals import LabRefused
from evenrack.runtime.child_process import ProgramId

RECORD = Record(
    network=False,
    number=3,
    size=Size(racks=1, clients=7),
    retain=True,
    stage="starting",
    owner=ProgramId(1, 2),
)


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    write_record(tmp_path, RECORD)
    changed = note_program(tmp_path, "rack1/rackd", ProgramId(5, 6))
    assert changed.programs == {"rack1/rackd": ProgramId(5, 6)}
    assert read_record(tmp_path) == changed
    assert changed.primary == "postgres"
    changed = change_record(tmp_path, lambda record: evolve(record, primary="postgres2"))
    assert read_record(tmp_path) == changed
    assert changed.fleet(tmp_path).size == Size(racks=1, clients=7)


def test_a_lab_with_a_network_remembers_its_keeper(tmp_path):
    keeper = Keeper(program=ProgramId(7, 8), user_namespace=True)
    write_record(tmp_path, evolve(RECORD, network=True, keeper=keeper))
    found = read_record(tmp_path)
    assert found.keeper == keeper
    assert found.fleet(tmp_path).racks[0].host.entrance == (
        *("nsenter", "-t", "7", "-m", "-n", "-U", "--preserve-credentials"),
        *("ip", "netns", "exec", "rack1"),
    )


def test_without_a_file_there_is_no_record(tmp_path):
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "nowhere") is None
    with pytest.raises(LabRefused, match="taken down meanwhile"):
        change_record(tmp_path, lambda record: record)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"evenrack_lab": 99}', '{"evenrack_lab": 2, "stage": "up"}', "null"]
)
def test_somebody_elses_lab_json_is_not_touched(tmp_path, text):
    record_path(tmp_path).write_text(text)
    with pytest.raises(LabRefused, match="is not a lab's record"):
        read_record(tmp_path)


def test_an_unknown_stage_is_refused(tmp_path):
    write_record(tmp_path, RECORD)
    data = json.loads(record_path(tmp_path).read_text())
    record_path(tmp_path).write_text(json.dumps({**data, "stage": "sideways"}))
    with pytest.raises(LabRefused, match="stage sideways"):
        read_record(tmp_path)
