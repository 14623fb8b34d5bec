"""From nothing to a rack that is managed, by the programs alone: `evenrack-rackd register`."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from evenrack.errors import ProgramFailed
from evenrack.runtime.child_process import stop_program
from tests.postgres_fixtures import execute, for_this_source
from tests.region.processes import asked
from tests.region.programs import (
    EVENRACK,
    RACKD,
    configure,
    configure_rack,
    ready,
    run,
    socket_of,
    start,
    start_rack,
    wait_for,
)

pytestmark = [pytest.mark.postgres, pytest.mark.daemon]

DATABASE = "evenrack_rack_programs"


class Place:
    """A folder in which a region process runs, and racks may be."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.port = None

    def start_region(self, dsn):
        path = configure(self.folder, dsn)
        self.port = yaml.safe_load(path.read_text())["rpc"]["port"] + 1
        run("init", "--config", path)
        self.daemons.append(start(self.folder, path))
        wait_for(lambda: ready(self.folder), self.daemons[-1])

    def evenrack(self, *words):
        return run("--socket", socket_of(self.folder), *words, of=EVENRACK)

    def printed_line(self, name="rack1", *more):
        """What the operator is told to run on the new rack."""
        (line,) = self.evenrack("enrolment", "create", name, *more).splitlines()
        return line

    def shell(self, line):
        """Run a line as it was printed, on a host where the program is."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        script = programs / "evenrack-rackd"
        python, flag, start = RACKD
        script.write_text(f'#!/bin/sh\nexec {python} {flag} "{start}" "$@"\n')
        script.chmod(0o755)
        around = for_this_source()
        around["PATH"] = f"{programs}:{around['PATH']}"
        return run("-c", line, of=["/bin/sh"], environment=around)

    def register(self, name="rack1", *more, line=None):
        path = configure_rack(self.folder, name)
        return self.shell(f"{line or self.printed_line(name)} --config {path} {' '.join(more)}")

    def start_rack(self, name="rack1"):
        """Start an enrolled rack, and wait until it is managed."""
        path = configure_rack(self.folder, name, regions=f'["127.0.0.1:{self.port}"]')
        daemon = start_rack(self.folder, path)
        self.daemons.insert(0, daemon)
        wait_for(lambda: self.is_managed(name), daemon)
        return daemon

    def racks(self):
        return asked(socket_of(self.folder), "/api/v1/racks").json

    def is_managed(self, hostname):
        return any(
            rack["hostname"] == hostname and rack["managed_by"] == "region1/1"
            for rack in self.racks()
        )


@contextmanager
def new_place():
    place = Place(Path(tempfile.mkdtemp(prefix="evenrack-")))
    try:
        yield place
    finally:
        for daemon in place.daemons:
            stop_program(daemon, seconds=5)
        shutil.rmtree(place.folder)


@pytest.fixture
def place():
    with new_place() as place:
        yield place


@pytest.fixture(scope="module")
def cluster(postgres_server):
    """A region process that was made and started by programs; each test has racks of its own."""
    execute(postgres_server, f"CREATE DATABASE {DATABASE}")
    with new_place() as cluster:
        cluster.start_region(postgres_server.dsn(DATABASE))
        yield cluster
    execute(postgres_server, f"DROP DATABASE {DATABASE} WITH (FORCE)")


def failed(call, *arguments, **named):
    with pytest.raises(ProgramFailed) as failure:
        call(*arguments, **named)
    assert "Traceback" not in failure.value.output
    return failure.value


def identity(place, name):
    return (place.folder / name / "identity.pem").read_bytes()


def rack_id(place, name):
    return (place.folder / name / "rack_id").read_text().strip()


def test_a_rack_joins_by_the_line_that_was_printed_and_is_managed(cluster):
    line = cluster.printed_line()
    secret = line.split()[2]
    assert line.endswith(
        f"| evenrack-rackd register --region 127.0.0.1:{cluster.port} --secret-file -"
    )
    told = cluster.register(line=line)
    rack = rack_id(cluster, "rack1")
    assert told == (
        f"enrolled as rack {rack}; next: evenrack-rackd run --config {cluster.folder}/rack1.conf\n"
    )
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in (cluster.folder / "rack1").iterdir()
    }
    assert modes["identity.pem"] == modes["authorities.pem"] == 0o600
    assert not any(secret.encode() in path.read_bytes() for path in _files(cluster.folder))
    stop_program(cluster.start_rack(), seconds=5)


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_secret_that_is_used_up_or_expired_is_refused_with_what_to_do(cluster, postgres_server):
    line = cluster.printed_line("rack2")
    cluster.register("rack2", line=line)
    failure = failed(cluster.register, "rack3", line=line)
    assert "exit code 1" in failure.outcome
    assert 'EnrolmentRefused: enrolment "rack2" is used up: make another one' in failure.output
    late = cluster.printed_line("late")
    expire = "UPDATE enrolment SET expires_at = now() WHERE name = 'late'"
    execute(postgres_server, expire, DATABASE)
    failure = failed(cluster.register, "rack3", line=late)
    assert "exit code 1" in failure.outcome
    assert 'enrolment "late" is expired: make another one' in failure.output
    assert not (cluster.folder / "rack3" / "identity.pem").exists()


def test_a_rack_that_is_enrolled_is_left_alone_unless_it_shall_be_enrolled_again(cluster):
    cluster.register("rack4")
    before = identity(cluster, "rack4")
    unused = cluster.printed_line("another", "--uses", "1")
    cluster.register("rack4", line=unused)
    assert identity(cluster, "rack4") == before
    rack = rack_id(cluster, "rack4")
    cluster.register("rack4", "--again", line=unused)
    assert identity(cluster, "rack4") != before
    assert rack_id(cluster, "rack4") != rack, "it is another rack now"


def test_a_rack_whose_files_were_lost_comes_back_as_itself(cluster):
    cluster.register("rack5")
    rack = rack_id(cluster, "rack5")
    stop_program(cluster.start_rack("rack5"), seconds=5)
    shutil.rmtree(cluster.folder / "rack5")
    cluster.register("rack5", line=cluster.printed_line("back", "--rack", "rack5"))
    assert rack_id(cluster, "rack5") == rack


def test_a_state_folder_with_the_certificate_of_another_rack_is_refused(cluster):
    for name in ("rack6", "rack7"):
        cluster.register(name)
    own, other = (rack_id(cluster, name) for name in ("rack6", "rack7"))
    (cluster.folder / "rack6" / "identity.pem").write_bytes(identity(cluster, "rack7"))
    path = cluster.folder / "rack6.conf"
    failure = failed(run, "run", "--config", path, of=RACKD)
    assert "exit code 2" in failure.outcome
    assert f"is the certificate of rack {other}, and this is rack {own}" in failure.output


# Without a region


def test_a_rack_that_is_not_enrolled_does_not_run_and_says_what_to_do(place):
    failure = failed(run, "run", "--config", configure_rack(place.folder), of=RACKD)
    assert "exit code 2" in failure.outcome
    assert (
        "this rack is not enrolled; on a region run `evenrack enrolment create`" in failure.output
    )


SECRET = f"abcd1234.{'A' * 22}.{'0' * 64}"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ("", 2, "is no enrolment secret"),
        ("letmein", 2, "is no enrolment secret"),
        (SECRET, 1, "RegionUnreachable: 127.0.0.1:1"),
    ],
    ids=["nothing", "garbage", "no region answers"],
)
def test_register_fails_with_a_code_that_scripts_can_tell_apart(place, given, code, told):
    path = configure_rack(place.folder)
    words = ("register", "--config", path, "--secret-file", "-")
    failure = failed(run, *words, of=RACKD, input_text=f"{given}\n")
    assert f"exit code {code}" in failure.outcome
    assert told in failure.output
    assert given not in failure.output or not given
    assert not (place.folder / "rack1" / "identity.pem").exists()


def test_the_secret_is_read_from_its_file_and_only_when_nobody_else_can_read_it(place):
    path = configure_rack(place.folder)
    failure = failed(run, "register", "--config", path, of=RACKD)
    assert "exit code 2" in failure.outcome
    assert "rack1.enrolment" in failure.output
    file = place.folder / "rack1.enrolment"
    file.touch(mode=0o644)
    file.write_text(SECRET)
    failure = failed(run, "register", "--config", path, of=RACKD)
    assert "exit code 2" in failure.outcome
    assert f"chmod 600 {file}" in failure.output
    file.chmod(0o600)
    failure = failed(run, "register", "--config", path, of=RACKD)
    assert "RegionUnreachable" in failure.output


def test_a_region_that_is_no_address_is_refused(place):
    path = configure_rack(place.folder)
    words = ("register", "--config", path, "--region", "nowhere", "--secret-file", "-")
    failure = failed(run, *words, of=RACKD, input_text=SECRET)
    assert "exit code 2" in failure.outcome
    assert "--region" in failure.output
