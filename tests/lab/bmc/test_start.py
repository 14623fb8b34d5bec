"""Where nothing can simulate BMCs a lab has none, and says so."""

import os

import pytest

from evenrack.lab.bmc.start import missing_packages
from evenrack.lab.clocks import Clocks
from evenrack.lab.fleet import Size
from evenrack.lab.progress import Progress
from evenrack.lab.up import Wish, _without_what_is_missing

CLOCKS = Clocks(seconds=lambda: 0.0, sleep=lambda seconds: None, now=lambda: None)


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def wish(tmp_path, *, network=True, bmcs=12):
    return Wish(
        directory=tmp_path / "lab",
        size=Size(bmcs=bmcs),
        retain=False,
        network=network,
        programs=tmp_path,
        owner_pid=os.getpid(),
    )


@pytest.mark.usefixtures("nothing_installed")
def test_without_a_simulator_a_lab_goes_on_without_bmcs_and_names_the_cure(tmp_path):
    said = []
    got = _without_what_is_missing(wish(tmp_path), Progress(said.append, CLOCKS))
    assert got.size == Size(bmcs=0)
    assert [line.split(maxsplit=1)[1] for line in said] == [
        "no BMCs in this lab: apt-get install openipmi ipmitool"
    ]


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("other", [{"network": False}, {"bmcs": 0}])
def test_who_wants_no_bmcs_is_told_nothing(tmp_path, other):
    said = []
    wanted = wish(tmp_path, **other)
    assert _without_what_is_missing(wanted, Progress(said.append, CLOCKS)) == wanted
    assert said == []


def test_only_what_is_missing_is_named(tmp_path, monkeypatch):
    for program in ("ipmi_sim", "ipmitool"):
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_packages() == []
    (tmp_path / "ipmi_sim").unlink()
    assert missing_packages() == ["openipmi"]
