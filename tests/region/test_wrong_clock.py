"""A region host whose clock is an hour off: no effect, and it is said."""

import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from twisted.internet import reactor

from evenrack.config.region_config import RegionLiveness
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.process_store import Registration
from evenrack.region.membership import Membership
from evenrack.runtime.child_process import stop_program
from tests.region.processes import asked, eventually
from tests.region.programs import (
    EVENRACK,
    RACKD,
    REGIOND,
    configure,
    configure_rack,
    ready,
    run,
    socket_of,
    start,
    start_rack,
    wait_for,
)
from tests.trusted import now

pytestmark = [pytest.mark.postgres]


# What a process sees of its clock


class Beating:
    """The membership of one process, under a wall clock that the test sets."""

    def __init__(self, dsn, sessions):
        self.sessions = sessions
        self.off = timedelta(0)
        self.database = PooledDatabase(dsn, reactor, name="region1/1")
        self.membership = Membership(
            self.database,
            Registration(
                process=ProcessId("region1/1"),
                hostname="region1",
                pid=1,
                addresses=(HostPort(host="127.0.0.1", port=5251),),
            ),
            reactor,
            lambda: now() + self.off,
            RegionLiveness(beat_seconds=0.05, dead_after_seconds=1.0),
        )

    @property
    def recorded(self):
        return self.sessions.value("SELECT clock_ahead FROM process")

    async def set(self, **off):
        """Set the clock, and wait until that is recorded."""
        self.off = timedelta(**off)
        seconds = self.off.total_seconds()
        await eventually(lambda: self.recorded is not None and abs(self.recorded - seconds) < 0.5)


@pytest.mark.deadline(20)
async def test_a_process_records_how_far_its_clock_is_off_whenever_that_changes(
    database_dsn, sessions
):
    beating = Beating(database_dsn, sessions)
    await beating.membership.join()
    try:
        await beating.set(hours=0)
        await beating.set(hours=1)
        assert beating.membership.clock_ahead == beating.recorded
        await beating.set(hours=-1)
        assert beating.sessions.rows("SELECT state, incarnation FROM process") == [("running", 1)]
        await beating.set(hours=0)
    finally:
        await beating.membership.leave()
        beating.database.close()


# Real programs, by a library that tells them another time


def under(off, command):
    """The same program on a host whose clock is off; how long things take it sees as they are."""
    return ["faketime", "--exclude-monotonic", "-f", off, *command]


class Cluster:
    """Two region hosts of which the second has a wrong clock, and racks that are right."""

    def __init__(self, folder, dsn, off):
        self.folder = folder
        self.daemons = []
        self.dsn = dsn
        self.off = off
        self.ports = []

    def start_region(self, name, of):
        home = self.folder / name
        home.mkdir()
        path = configure(home, self.dsn, region_name=name, key_file=self.folder / "keys")
        run("init", "--config", path, of=of)
        self.daemons.append(start(home, path, of=of))
        wait_for(lambda: ready(home), self.daemons[-1])
        self.ports.append(yaml.safe_load(path.read_text())["rpc"]["port"] + 1)

    def evenrack(self, region, *words):
        return run("--socket", socket_of(self.folder / region), *words, of=EVENRACK)

    def start_rack(self, name, through):
        """Enrol a rack through one region host, and run it."""
        told = json.loads(self.evenrack(through, "enrolment", "create", name, "--json"))
        path = configure_rack(self.folder, name, regions=json.dumps(self.addresses))
        region = self.addresses[0 if through == "region1" else 1]
        words = ("register", "--config", path, "--region", region, "--secret-file", "-")
        run(*words, of=RACKD, input_text=told["secret"])
        self.daemons.insert(0, start_rack(self.folder, path))
        wait_for(lambda: self.is_well(name), self.daemons[0])

    @property
    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]

    def get(self, region, path):
        return asked(socket_of(self.folder / region), path).json

    def is_well(self, name):
        """Whether a rack is managed, connected to both, and has its newest plan."""
        return any(
            rack["hostname"] == name and rack["state"] == "running" and rack["managed_by"]
            for rack in self.get("region1", "/api/v1/racks")
            if rack["processes_connected"] == 2
        )

    def is_even(self):
        """Whether each of the two processes manages one of the two racks."""
        return len({rack["managed_by"] for rack in self.get("region1", "/api/v1/racks")}) == 2

    def kinds_of_events(self):
        found = self.get("region1", "/api/v1/events?after=0&limit=1000")["events"]
        return sorted(event["kind"] for event in found if event["kind"] in {"move", "loss"})

    def skews(self, region):
        problems = self.get(region, "/api/v1/problems")
        return [row for row in problems if row["code"] == "ClockSkew"]


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["+1h", "-1h"], ids=["ahead", "behind"])
def cluster(request, folder, empty_database_dsn):
    if shutil.which("faketime") is None:
        pytest.skip("no faketime here")
    cluster = Cluster(folder, empty_database_dsn, request.param)
    try:
        cluster.start_region("region1", REGIOND)
        cluster.start_region("region2", under(request.param, REGIOND))
        yield cluster
    finally:
        for daemon in cluster.daemons:
            stop_program(daemon, seconds=5)


@pytest.fixture(params=["+1d", "-1h"], ids=["a day ahead", "an hour behind"])
def cluster_of_one(request, folder, empty_database_dsn):
    if shutil.which("faketime") is None:
        pytest.skip("no faketime here")
    cluster = Cluster(folder, empty_database_dsn, request.param)
    try:
        cluster.start_region("region1", REGIOND)
        yield cluster
    finally:
        for daemon in cluster.daemons:
            stop_program(daemon, seconds=5)


@pytest.mark.daemon
def test_a_rack_whose_clock_is_wrong_is_served_and_is_told_of_on_both_sides(cluster_of_one):
    cluster = cluster_of_one
    told = json.loads(cluster.evenrack("region1", "enrolment", "create", "rack1", "--json"))
    path = configure_rack(cluster.folder, "rack1", regions=json.dumps(cluster.addresses))
    words = ("register", "--config", path, "--region", cluster.addresses[0], "--secret-file", "-")
    run(*words, of=RACKD, input_text=told["secret"])
    rack = start_rack(cluster.folder, path, of=under(cluster.off, RACKD))
    cluster.daemons.insert(0, rack)
    wait_for(lambda: cluster.skews("region1"), rack, seconds=40)
    (trouble,) = cluster.skews("region1")
    assert trouble["object"].startswith("rack:")
    how = "1 d ahead of" if cluster.off == "+1d" else "1 h behind"
    assert trouble["affects"] == f"the clock of rack1 is {how} the database's"
    assert "timedatectl" in trouble["do"]
    found = json.loads(cluster.evenrack("region1", "doctor", "--json"))
    assert [each for each in found if each["seen"].startswith("ClockSkew rack:")]
    (row,) = cluster.get("region1", "/api/v1/racks")
    assert row["state"] == "running"
    assert row["managed_by"]


@pytest.mark.daemon
def test_a_region_host_whose_clock_is_an_hour_off_takes_racks_in_and_is_told_of(cluster):
    cluster.start_rack("rack1", "region1")
    cluster.start_rack("rack2", "region2")  # its certificate is signed where the clock is wrong
    both = ("region1", "region2")
    wait_for(lambda: all(cluster.skews(region) for region in both), cluster.daemons[0])
    wait_for(cluster.is_even, cluster.daemons[0])  # as it would be anyway, a second later
    before = cluster.kinds_of_events()
    for region in both:
        (told,) = cluster.skews(region)
        assert told["object"] == "region:region2"
        side = "ahead of" if cluster.off == "+1h" else "behind"
        assert told["affects"].endswith(f"is 1 h {side} the database's")
        assert "timedatectl" in told["do"]
        assert "ClockSkew" in cluster.evenrack(region, "status")
        found = json.loads(cluster.evenrack(region, "doctor", "--json"))
        assert [each["id"] for each in found if each["verdict"] != "ok"] == ["clocks"]
    assert cluster.is_well("rack1")
    assert cluster.is_well("rack2")
    assert cluster.kinds_of_events() == before, "nothing is moved, and nobody lost, because of it"
    assert cluster.kinds_of_events().count("loss") == 0
