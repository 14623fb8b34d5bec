"""The program `evenrack-regiond`, as systemd and people start it."""

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from evenrack.errors import ProgramFailed
from evenrack.runtime.child_process import (
    is_alive,
    run_program,
    send_signal,
    start_detached,
    stop_program,
    wait_until_ended,
)
from tests.postgres_fixtures import for_this_source
from tests.region.processes import asked, free_ports

pytestmark = [pytest.mark.postgres, pytest.mark.daemon]

PROGRAM = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'evenrack-regiond'; from evenrack.region.main import main; main()",
]
START_SECONDS = 20


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))  # short: it has sockets in it
    yield folder
    shutil.rmtree(folder)


def configure(folder, dsn, name="regiond.conf", **more):
    before = free_ports(3)
    lines = {
        "database": f'"{dsn}"',
        "region_name": "region1",
        "secret_file": folder / "etc" / "secret",
        "state_dir": folder / "state",
        "run_dir": folder / "run",
        "rpc": f"{{port: {before}}}",
        "http": f'{{listen: "127.0.0.1:{before + 3}"}}',
        **more,
    }
    path = folder / name
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return path


def run(*arguments, seconds=20):
    return run_program(
        [*PROGRAM, *map(str, arguments)], seconds=seconds, environment=for_this_source()
    )


def start(folder, path, instance=1):
    return start_detached(
        [*PROGRAM, "run", "--config", str(path), "--instance", str(instance)],
        log=folder / f"regiond-{instance}.log",
        environment=for_this_source(),
    )


def wait_for(condition, program=None, seconds=START_SECONDS):
    for _ in range(int(seconds / 0.05)):
        found = condition()
        if found:
            return found
        if program is not None:
            assert is_alive(program), "the daemon has ended"
            wait_until_ended([program], seconds=0.05)
    raise AssertionError(f"not within {seconds} s")


def ready(folder, instance=1):
    path = folder / "run" / f"regiond-{instance}.sock"
    try:
        return asked(path, "/readyz").status == 200
    except OSError:
        return False


def logged(folder, instance=1):
    lines = (folder / f"regiond-{instance}.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_cluster_is_made_run_and_stopped_by_the_program_alone(folder, empty_database_dsn):
    path = configure(folder, empty_database_dsn)
    told = run("init", "--config", path)
    assert f"made {folder}/etc/secret" in told
    assert f"next: evenrack-regiond run --config {path}" in told
    assert "is there already" in run("init", "--config", path)
    assert "schema 1" in run("migrate", "--config", path)
    daemon = start(folder, path)
    try:
        wait_for(lambda: ready(folder), daemon)
        with pytest.raises(ProgramFailed) as second:
            run("run", "--config", path)
        assert "exit code 1" in second.value.outcome
        assert "instance 1 runs on this host already" in second.value.output
        assert (folder / "state" / "regiond-1.lock").read_text() == f"{daemon.pid}\n"
        send_signal(daemon, signal.SIGTERM)
        assert wait_until_ended([daemon], seconds=10) == []
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


def test_without_its_secret_a_daemon_does_not_run_and_says_what_to_do(folder):
    path = configure(folder, "host=x")
    with pytest.raises(ProgramFailed) as refused:
        run("run", "--config", path)
    assert "exit code 2" in refused.value.outcome
    assert "evenrack-regiond init" in refused.value.output
