"""The program `evenrack-regiond`, as systemd and people start it."""

import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.region.database.schema import SCHEMA
from evenrack.runtime.child_process import send_signal, stop_program, wait_until_ended
from tests.region.programs import configure, logged, ready, run, start, wait_for

pytestmark = [pytest.mark.postgres, pytest.mark.daemon]


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))  # short: it has sockets in it
    yield folder
    shutil.rmtree(folder)


def test_a_cluster_is_made_run_and_stopped_by_the_program_alone(folder, empty_database_dsn):
    path = configure(folder, empty_database_dsn)
    told = run("init", "--config", path)
    assert f"made {folder}/etc/keys: copy it to every other region host" in told
    assert "made authority " in told
    assert f"made this host's certificate in {folder}/state" in told
    assert f"next: evenrack-regiond run --config {path}" in told
    again = run("init", "--config", path)
    assert "is there already" in again
    assert "made" not in again
    assert f"schema {SCHEMA}" in run("migrate", "--config", path)
    daemon = start(folder, path)
    try:
        wait_for(lambda: ready(folder), daemon)
        with pytest.raises(ProgramFailed) as second:
            run("run", "--config", path)
        assert "exit code 1" in second.value.outcome
        assert "instance 1 runs on this host already" in second.value.output
        assert (folder / "state" / "regiond-1.lock").read_text() == f"{daemon.pid}\n"
        send_signal(daemon, signal.SIGTERM)
        assert wait_until_ended([daemon], seconds=40) == []
    finally:
        stop_program(daemon, seconds=5)
    lines = logged(folder)
    assert {"time", "level", "message", "from"} <= set(lines[0])
    assert any("has joined" in line["message"] for line in lines)
    assert not any("failure" in line for line in lines)
    assert not (folder / "run" / "regiond-1.sock").exists()


def test_a_broken_configuration_is_refused_with_all_of_its_problems(folder):
    path = configure(folder, "host=x", region_name='"no name"', tipo="1", run_dir="[]")
    with pytest.raises(ProgramFailed) as refused:
        run("run", "--config", path)
    assert "exit code 2" in refused.value.outcome
    for setting in ("region_name", "tipo", "run_dir"):
        assert setting in refused.value.output
    assert "Traceback" not in refused.value.output


def test_a_database_setting_that_is_none_is_refused_and_not_shown(folder):
    path = configure(folder, "host=127.0.0.1 password=half geheim")
    with pytest.raises(ProgramFailed) as refused:
        run("migrate", "--config", path)
    assert "exit code 2" in refused.value.outcome
    assert "database: " in refused.value.output
    assert "geheim" not in refused.value.output


def test_without_a_database_init_says_so_in_one_line(folder):
    path = configure(folder, f"host={folder} password=geheim")
    with pytest.raises(ProgramFailed) as refused:
        run("init", "--config", path)
    assert "exit code 1" in refused.value.outcome
    assert "evenrack-regiond: DatabaseUnreachable" in refused.value.output
    assert "geheim" not in refused.value.output
    assert "Traceback" not in refused.value.output


def test_without_its_certificate_a_daemon_does_not_run_and_says_what_to_do(folder):
    path = configure(folder, "host=x")
    with pytest.raises(ProgramFailed) as refused:
        run("run", "--config", path)
    assert "exit code 2" in refused.value.outcome
    assert "identity.pem" in refused.value.output
    assert "run `evenrack-regiond init` on this host" in refused.value.output
    assert "Traceback" not in refused.value.output


def test_a_file_of_an_earlier_version_is_refused_with_what_to_do(folder):
    path = configure(folder, "host=x", secret_file=folder / "secret", insecure_rpc="true")
    with pytest.raises(ProgramFailed) as refused:
        run("run", "--config", path)
    assert "exit code 2" in refused.value.outcome
    assert "secret_file: is no longer used" in refused.value.output
    assert "insecure_rpc: is no longer used" in refused.value.output


def test_init_on_another_host_without_the_keys_is_refused_and_says_where_they_are(
    folder, empty_database_dsn
):
    run("init", "--config", configure(folder, empty_database_dsn))
    other = folder / "other"
    other.mkdir()
    path = configure(other, empty_database_dsn, region_name="region2")
    with pytest.raises(ProgramFailed) as refused:
        run("init", "--config", path)
    assert "exit code 2" in refused.value.outcome
    assert "the cluster has keys: copy the file from host" in refused.value.output
    assert not (other / "state").exists()
