"""A lab whose database is a primary with standbys: killed and cut, and no daemon is restarted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evenrack.lab.leftovers import leftovers
from tests.together.whole_lab import CLOCKS

pytestmark = [pytest.mark.slow, pytest.mark.daemon]

EVENRACK = str(Path(sys.executable).parent / "evenrack")
SMALL = ("--region-hosts", "2", "--processes", "1", "--racks", "1", "--vlans", "0")
SECONDS = 150
RACK_SECONDS = 20
NOBODY_ELSE = ("--clients", "0", "--bmcs", "0")


class Lab:
    """One lab, by its commands."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *words):
        """Do it; give what was told of it."""
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def refused(self, *words):
        refused = self._run(*words)
        assert refused.returncode == 1
        return refused.stderr

    def status(self):
        return json.loads(self._run("status", "--json").stdout)

    def _run(self, *words):
        command = [EVENRACK, "lab", *words, "--dir", str(self.folder)]
        return subprocess.run(  # noqa: S603  our own program
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def servers(self):
        """The role and the state of each PostgreSQL server."""
        programs = self.status()["programs"]
        return {each["target"]: (each["role"], each["state"]) for each in programs if each["role"]}

    def daemons(self):
        """The process number of each daemon."""
        programs = self.status()["programs"]
        return {each["target"]: each["pid"] for each in programs if not each["role"]}

    def its_rack_runs(self):
        """Whether the rack is linked to all, once a machine that stood still goes on again."""

        def runs():
            fleet = self.status()["fleet"] or {"racks": ()}
            return [rack["state"] for rack in fleet["racks"]] == ["running"]

        return CLOCKS.wait_until(runs, seconds=RACK_SECONDS)


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path / "lab")
    yield lab
    lab("down")
    assert leftovers(lab.folder) == []


def test_p25_the_primary_is_killed_and_a_standby_promoted_and_no_daemon_restarts(lab):
    lab("up", "--no-net", *SMALL, "--replicas", "2", "--retain")
    assert lab.servers() == {
        "postgres": ("primary", "running"),
        "postgres2": ("standby", "running"),
        "postgres3": ("standby", "running"),
    }
    daemons = lab.daemons()
    assert lab.its_rack_runs()
    assert "lab promote" in lab("kill", "primary of postgres")
    assert "\nsettled\n" in lab("promote")
    (primary,) = [name for name, (role, _) in lab.servers().items() if role == "primary"]
    assert primary in {"postgres2", "postgres3"}
    assert lab.servers()["postgres"] == ("standby", "dead")
    assert lab.daemons() == daemons
    assert lab.its_rack_runs()
    assert "is the primary already" in lab.refused("promote", primary)
    assert "\nsettled\n" in lab("restart", "postgres")
    assert lab.servers()["postgres"] == ("standby", "running")
    lab("down")
    assert f"is in {primary}" in lab.refused("up", "--no-net", *SMALL)


@pytest.mark.usefixtures("network_possible")
def test_p25_the_primary_is_cut_off_and_a_standby_promoted_and_no_daemon_restarts(lab):
    lab("up", *SMALL, *NOBODY_ELSE, "--replicas", "2")
    daemons = lab.daemons()
    assert lab.its_rack_runs()
    lab("cut", "postgres")
    assert "\nsettled\n" in lab("promote")
    assert lab.servers()["postgres"] == ("standby", "dead")
    assert lab.daemons() == daemons
    assert lab.its_rack_runs()
    lab("heal")
    assert "\nsettled\n" in lab("restart", "postgres")
    assert lab.servers()["postgres"] == ("standby", "running")
