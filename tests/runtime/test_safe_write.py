"""Replacing a file whole."""

import pytest

from evenrack.runtime.safe_write import replace_safely, safe_write


def test_new_file_has_the_data_and_is_private(tmp_path):
    safe_write(tmp_path / "secret", b"data")
    assert (tmp_path / "secret").read_bytes() == b"data"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_mode_asked_for_is_given(tmp_path):
    safe_write(tmp_path / "public", b"data", mode=0o644)
    assert (tmp_path / "public").stat().st_mode & 0o777 == 0o644


def test_reader_of_the_old_file_still_sees_all_of_it(tmp_path):
    path = tmp_path / "plan"
    safe_write(path, b"old")
    with path.open("rb") as reader:
        safe_write(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_nothing_else_is_left_in_the_folder(tmp_path):
    for content in (b"one", b"two"):
        safe_write(tmp_path / "plan", content)
    assert [file.name for file in tmp_path.iterdir()] == ["plan"]


def test_failure_leaves_no_temporary_file(tmp_path):
    (tmp_path / "plan").mkdir()
    with pytest.raises(IsADirectoryError):
        safe_write(tmp_path / "plan", b"data")
    assert [file.name for file in tmp_path.iterdir()] == ["plan"]


def test_a_file_that_is_there_already_takes_the_place_of_another(tmp_path):
    safe_write(tmp_path / "plan", b"old")
    safe_write(tmp_path / "plan.next", b"new")
    replace_safely(tmp_path / "plan.next", tmp_path / "plan")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"plan": b"new"}
