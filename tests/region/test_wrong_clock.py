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
from evenrack.region.leading.membership import Membership
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


LIVENESS = "{dead_after_seconds: 20, silence_seconds: 20, lease_seconds: 25}"
RACK_LIVENESS = "{silence_seconds: 20}"
"""A busy machine holds nobody up for so long; a clock that is an hour off is further off."""


class Cluster:
    """Region hosts of which some have wrong clocks, and racks."""

    def __init__(self, folder, dsn):
        self.folder = folder
        self.daemons = []
        self.dsn = dsn
        self.ports = {}

    def start_region(self, name, of):
        home = self.folder / name
        home.mkdir()
        keys = self.folder / "keys"
        path = configure(home, self.dsn, region_name=name, key_file=keys, liveness=LIVENESS)
        run("init", "--config", path, of=of)
        self.daemons.append(start(home, path, of=of))
        wait_for(lambda: ready(home), self.daemons[-1])
        self.ports[name] = yaml.safe_load(path.read_text())["rpc"]["port"] + 1

    def evenrack(self, region, *words):
        return run("--socket", socket_of(self.folder / region), *words, of=EVENRACK)

    def start_rack(self, name, through, of=RACKD):
        """Enrol a rack through one region host, and run it."""
        told = json.loads(self.evenrack(through, "enrolment", "create", name, "--json"))
        addresses = {region: f"127.0.0.1:{port}" for region, port in self.ports.items()}
        told_of = json.dumps([*addresses.values()])
        path = configure_rack(self.folder, name, regions=told_of, liveness=RACK_LIVENESS)
        asked_of = addresses[through]
        words = ("register", "--config", path, "--region", asked_of, "--secret-file", "-")
        run(*words, of=RACKD, input_text=told["secret"])
        self.daemons.insert(0, start_rack(self.folder, path, of=of))
        wait_for(lambda: self.is_well(name), self.daemons[0])

    def get(self, region, path):
        return asked(socket_of(self.folder / region), path).json

    def is_well(self, name):
        """Whether a rack is managed, and connected to each process."""
        return any(
            rack["hostname"] == name and rack["state"] == "running" and rack["managed_by"]
            for rack in self.get("region1", "/api/v1/racks")
            if rack["processes_connected"] == len(self.ports)
        )

    def is_even(self):
        """Whether each of the processes manages one of as many racks."""
        racks = self.get("region1", "/api/v1/racks")
        return len({rack["managed_by"] for rack in racks}) == len(racks) == len(self.ports)

    def kinds_of_events(self):
        found = self.get("region1", "/api/v1/events?after=0&limit=1000")["events"]
        return sorted(event["kind"] for event in found if event["kind"] in {"move", "loss"})

    def skews(self, region):
        """What is said of clocks, by whose it is."""
        problems = self.get(region, "/api/v1/problems")
        return {row["object"]: row for row in problems if row["code"] == "ClockSkew"}


@pytest.fixture
def cluster(empty_database_dsn):
    """One region host whose clock is right."""
    if shutil.which("faketime") is None:
        pytest.skip("no faketime here")
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))
    cluster = Cluster(folder, empty_database_dsn)
    try:
        cluster.start_region("region1", REGIOND)
        yield cluster
    finally:
        for daemon in cluster.daemons:
            stop_program(daemon, seconds=5)
        shutil.rmtree(folder)


@pytest.mark.daemon
def test_racks_whose_clocks_are_wrong_are_served_and_are_told_of_on_both_sides(cluster):
    wrong = {"rack1": ("+1d", "1 d ahead of"), "rack2": ("-1h", "1 h behind")}
    for name, (off, _) in wrong.items():
        cluster.start_rack(name, "region1", of=under(off, RACKD))
    wait_for(lambda: len(cluster.skews("region1")) == 2, cluster.daemons[0])
    skews = cluster.skews("region1")
    assert all(of_whom.startswith("rack:") for of_whom in skews)
    assert {trouble["affects"] for trouble in skews.values()} == {
        f"the clock of {name} is {how} the database's" for name, (_, how) in wrong.items()
    }
    assert all("timedatectl" in trouble["do"] for trouble in skews.values())
    found = json.loads(cluster.evenrack("region1", "doctor", "--json"))
    for of_whom in skews:
        assert [each for each in found if each["seen"].startswith(f"ClockSkew {of_whom}")]
    assert cluster.is_well("rack1")
    assert cluster.is_well("rack2")


@pytest.mark.daemon
def test_region_hosts_whose_clocks_are_an_hour_off_take_racks_in_and_are_told_of(cluster):
    cluster.start_region("region2", under("+1h", REGIOND))
    cluster.start_region("region3", under("-1h", REGIOND))
    regions = tuple(cluster.ports)
    for number in (1, 2, 3):  # what certifies two of them is signed where the clock is wrong
        cluster.start_rack(f"rack{number}", f"region{number}")
    last = cluster.daemons[0]
    wait_for(lambda: all(len(cluster.skews(region)) == 2 for region in regions), last)
    wait_for(cluster.is_even, last)  # as it would be anyway, a second later
    before = cluster.kinds_of_events()
    for region in regions:
        told = cluster.skews(region)
        assert told.keys() == {"region:region2", "region:region3"}
        assert told["region:region2"]["affects"].endswith("is 1 h ahead of the database's")
        assert told["region:region3"]["affects"].endswith("is 1 h behind the database's")
        assert all("timedatectl" in each["do"] for each in told.values())
        assert "ClockSkew" in cluster.evenrack(region, "status")
        found = json.loads(cluster.evenrack(region, "doctor", "--json"))
        assert {each["id"] for each in found if each["verdict"] != "ok"} == {"clocks"}
    assert all(cluster.is_well(f"rack{number}") for number in (1, 2, 3))
    assert cluster.kinds_of_events() == before, "nothing is moved, and nobody lost, because of it"
    assert cluster.kinds_of_events().count("loss") == 0
