"""A real server in a folder: made, hurt, started again and removed."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from evenrack.errors import CannotEverWork, ProgramFailed
from evenrack.postgres.embedded import EmbeddedPostgres
from evenrack.postgres.group import ServerGroup
from evenrack.postgres.server_processes import postmaster_of, processes_of
from evenrack.runtime.child_process import ProgramId, run_program, send_signal, wait_until_ended
from tests.free_ports import free_tcp_port
from tests.postgres_fixtures import SETTINGS, ended_with_this_run, execute, for_this_source

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server(short_folder):
    server = EmbeddedPostgres(short_folder / "server", settings=SETTINGS)
    with ended_with_this_run(server):
        yield server


@pytest.fixture(scope="module")
def short_folder():
    """Not below pytest's folder: a unix socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="evenrack-test-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def running(server):
    server.resume()
    server.start()


def data_of(server):
    return server.directory / "data"


def make_row(server):
    execute(server, "CREATE TABLE IF NOT EXISTS kept (word text)")
    execute(server, "DELETE FROM kept")
    execute(server, "INSERT INTO kept VALUES ('here')")


def rows(server):
    return execute(server, "SELECT word FROM kept")


def settings_of(server):
    return dict(execute(server, "SELECT name, setting FROM pg_settings"))


def test_only_the_unix_socket_is_open_and_only_to_its_owner(server):
    assert settings_of(server)["listen_addresses"] == ""
    assert (server.directory / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
    assert server.directory.stat().st_mode & 0o777 == 0o700


def test_settings_given_are_used(server):
    assert settings_of(server)["fsync"] == "off"
    assert settings_of(server)["synchronous_commit"] == "on"


def test_start_of_a_running_server_changes_nothing(server):
    before = postmaster_of(data_of(server))
    server.start()
    assert postmaster_of(data_of(server)) == before


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_every_way_of_stopping_keeps_the_rows(server, mode):
    make_row(server)
    server.stop(mode)
    assert not server.is_running()
    assert processes_of(data_of(server)) == []
    server.start()
    assert rows(server) == [("here",)]


def test_smart_stop_that_waits_for_a_client_says_so_in_time(server):
    with closing(psycopg2.connect(server.dsn())):
        with pytest.raises(ProgramFailed, match=r"did not stop \(smart\) within 4 s") as failure:
            server.stop("smart", seconds=4)
        assert "received smart shutdown request" in failure.value.output
    server.stop("fast")


def test_stop_of_a_stopped_server_is_no_error(server):
    server.stop()
    server.stop()
    server.kill()
    assert not server.is_running()


def test_restart_is_a_new_server_with_the_rows(server):
    make_row(server)
    before = postmaster_of(data_of(server))
    server.restart("immediate")
    assert postmaster_of(data_of(server)) != before
    assert rows(server) == [("here",)]


def test_kill_ends_every_process_at_once_and_committed_rows_come_back(server):
    make_row(server)
    with closing(psycopg2.connect(server.dsn())) as connection:
        server.kill()
        assert processes_of(data_of(server)) == []
        with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    server.start()
    assert rows(server) == [("here",)]


def test_restart_works_after_the_first_process_alone_was_killed(server):
    make_row(server)
    postmaster = postmaster_of(data_of(server))
    send_signal(postmaster, signal.SIGKILL)
    wait_until_ended([postmaster], seconds=10)
    server.restart()
    assert rows(server) == [("here",)]


def test_orphans_of_a_killed_first_process_do_not_keep_the_next_one_out(server):
    make_row(server)
    postmaster = postmaster_of(data_of(server))
    server.pause()  # so that no orphan can notice and end by itself
    send_signal(postmaster, signal.SIGKILL)
    wait_until_ended([postmaster], seconds=10)
    assert not server.is_running()
    assert processes_of(data_of(server)) != []
    server.start()
    assert rows(server) == [("here",)]


def test_number_of_the_old_server_may_belong_to_another_program_now(server):
    make_row(server)
    segment = segment_of(server)
    server.kill()
    with subprocess.Popen(["/bin/sleep", "100"]) as other:
        for file in (data_of(server) / "postmaster.pid", *server.directory.glob(".s.*.lock")):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{other.pid}\n{rest}")
        assert not server.is_running()
        server.start()
        assert segment not in segments()
        assert other.poll() is None
        other.kill()
    assert rows(server) == [("here",)]


def test_paused_server_answers_nothing_until_it_is_resumed(server):
    answers = []
    with closing(psycopg2.connect(server.dsn())) as connection, connection.cursor() as cursor:
        server.pause()
        assert server.is_running()
        assert all(row.stopped for row in processes_of(data_of(server)))
        asking = threading.Thread(
            target=lambda: answers.append(cursor.execute("SELECT 1") or cursor.fetchone())
        )
        asking.start()
        asking.join(timeout=0.3)
        assert answers == []
        server.resume()
        asking.join(timeout=10)
    assert answers == [(1,)]


def test_paused_server_can_be_stopped_and_killed(server):
    server.pause()
    server.stop()
    server.start()
    server.pause()
    server.kill()
    assert processes_of(data_of(server)) == []


def test_remove_refuses_while_any_process_lives(server):
    postmaster = postmaster_of(data_of(server))
    with pytest.raises(CannotEverWork, match=f"still runs here \\(process {postmaster.pid}\\)"):
        server.remove()
    server.pause()
    send_signal(postmaster, signal.SIGKILL)
    wait_until_ended([postmaster], seconds=10)
    with pytest.raises(CannotEverWork, match="still runs here"):
        server.remove()
    assert (data_of(server) / "PG_VERSION").exists()


def test_start_that_fails_shows_the_last_lines_of_the_log(server):
    server.stop()
    broken = EmbeddedPostgres(server.directory, settings={"shared_buffers": "a lot"})
    with pytest.raises(ProgramFailed, match="ended while it was starting") as failure:
        broken.start()
    assert 'invalid value for parameter "shared_buffers": "a lot"' in failure.value.output
    EmbeddedPostgres(server.directory, settings=SETTINGS).start()


def test_another_object_finds_the_server_and_its_settings_in_the_folder(server):
    other = EmbeddedPostgres(server.directory)
    assert other.is_running()
    assert other.dsn("x") == server.dsn("x")
    other.restart()
    assert settings_of(server)["fsync"] == "off"


def test_server_goes_on_when_the_program_that_started_it_is_gone(server):
    server.stop()
    run_python(
        "import sys, pathlib; from evenrack.postgres.embedded import EmbeddedPostgres\n"
        f"EmbeddedPostgres(pathlib.Path({str(server.directory)!r})).start()\n"
    )
    assert server.is_running()
    assert execute(server, "SELECT 1") == [(1,)]
    server.kill()
    assert processes_of(data_of(server)) == []


def test_server_whose_start_was_interrupted_can_be_made_again(short_folder):
    server = EmbeddedPostgres(short_folder / "half", settings=SETTINGS)
    with ended_with_this_run(server):
        (server.directory / "data.new").mkdir(parents=True)
        (server.directory / "data.new" / "PG_VERSION").write_text("18\n")
        server.start()
        assert execute(server, "SELECT 1") == [(1,)]


def test_port_given_is_open_on_loopback_with_a_password(short_folder):
    port = free_tcp_port()
    server = EmbeddedPostgres(short_folder / "port", port=port, settings=SETTINGS)
    with ended_with_this_run(server):
        server.start()
        assert execute(server, "SELECT 1") == [(1,)]
        address = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            psycopg2.connect(address)
        password = (server.directory / "password").read_text().strip()
        with closing(psycopg2.connect(f"{address} password={password}")) as connection:
            assert connection.status == psycopg2.extensions.STATUS_READY


def test_nothing_is_left_after_kill_and_remove(short_folder):
    server = EmbeddedPostgres(short_folder / "a folder's name", settings=SETTINGS)
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]
    segment = segment_of(server)
    server.kill()
    assert segment in segments()
    server.remove()
    assert segment not in segments()
    assert not server.directory.exists()
    server.remove()


def test_nothing_is_left_of_a_group_that_is_removed_while_it_runs(short_folder):
    server = EmbeddedPostgres(short_folder / "member", settings=SETTINGS)
    server.start()
    segment = segment_of(server)
    ServerGroup({"postgres": server}, "postgres").remove_all()
    assert segment not in segments()
    assert not server.directory.exists()


def segment_of(server):
    return (data_of(server) / "postmaster.pid").read_text().splitlines()[6].split()[1]


def segments():
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


def test_remove_keeps_what_is_not_the_servers(short_folder):
    server = EmbeddedPostgres(short_folder / "shared", settings=SETTINGS)
    server.start()
    (server.directory / "notes").write_text("mine")
    server.stop()
    server.remove()
    assert [file.name for file in server.directory.iterdir()] == ["notes"]


def test_works_as_root_of_a_user_namespace(short_folder):
    """So `evenrack lab` runs without root: there the user is 0, but only by a mapping."""
    folder = short_folder / "mapped"
    run_python(
        "import os, pathlib; from evenrack.postgres.embedded import EmbeddedPostgres\n"
        "assert os.geteuid() == 0\n"
        f"server = EmbeddedPostgres(pathlib.Path({str(folder)!r}), settings={SETTINGS})\n"
        "server.start(); server.pause(); server.resume(); server.kill(); server.restart()\n",
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
    )
    server = EmbeddedPostgres(folder)
    with ended_with_this_run(server):
        assert server.is_running()
        assert execute(server, "SELECT 1") == [(1,)]


def test_folder_of_another_user_is_served_as_that_user(short_folder):
    """What root falls back to where no user namespace can be made."""
    folder = short_folder / "given"
    folder.mkdir()
    owner = 1000 if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, owner, -1)
    short_folder.chmod(0o755)
    server = EmbeddedPostgres(folder, settings=SETTINGS)
    with ended_with_this_run(server):
        server.start()
        assert execute(server, "SELECT 1") == [(1,)]
        assert data_of(server).stat().st_uid == owner
        assert Path(f"/proc/{postmaster_of(data_of(server)).pid}").stat().st_uid == owner
        server.kill()
        server.restart()


def test_initdb_of_a_killed_program_is_found_and_ended(short_folder):
    server = EmbeddedPostgres(short_folder / "orphaned", settings=SETTINGS)
    script = (
        "import pathlib; from evenrack.postgres.embedded import EmbeddedPostgres\n"
        f"EmbeddedPostgres(pathlib.Path({str(server.directory)!r})).start()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=for_this_source()) as starting:  # noqa: S603  our own
        for _ in range(3000):
            found = processes_of(data_of(server))
            if "initdb" in {row.name for row in found}:
                for row in found:  # it is to run still when it is looked for
                    send_signal(ProgramId(row.pid, row.started), signal.SIGSTOP)
                break
            select.select([], [], [], 0.01)
        starting.kill()
    with pytest.raises(CannotEverWork, match="still runs here"):
        server.remove()
    server.kill()
    server.remove()
    assert not server.directory.exists()


def test_server_ends_with_a_test_run_that_is_killed(short_folder):
    folder = short_folder / "watched"
    script = (
        "import os, signal, pathlib\n"
        "from evenrack.postgres.embedded import EmbeddedPostgres\n"
        "from tests.postgres_fixtures import SETTINGS, ended_with_this_run\n"
        f"server = EmbeddedPostgres(pathlib.Path({str(folder)!r}), settings=SETTINGS)\n"
        "with ended_with_this_run(server):\n"
        "    server.start()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with pytest.raises(ProgramFailed, match="was killed by SIGKILL"):
        run_python(script)
    for _ in range(1000):
        if not folder.exists():
            break
        select.select([], [], [], 0.01)
    assert not folder.exists()
    assert processes_of(folder / "data") == []


def test_path_too_long_for_a_socket_is_refused_with_its_length():
    with pytest.raises(CannotEverWork, match=r"\.s\.PGSQL\.5432: 119 bytes, .* at most 107"):
        EmbeddedPostgres(Path("/srv") / ("x" * 100))


def run_python(script, *prefix):
    run_program([*prefix, sys.executable, "-c", script], seconds=60, environment=for_this_source())
