"""A lab that is kept comes up again as the same fleet."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from evenrack.lab.leftovers import leftovers
from evenrack.runtime.child_process import run_program

pytestmark = pytest.mark.daemon

EVENRACK = str(Path(sys.executable).parent / "evenrack")
SMALL = ("--no-net", "--region-hosts", "1", "--processes", "1", "--racks", "1")


def evenrack(*arguments):
    return run_program([EVENRACK, *map(str, arguments)], seconds=120)


def identities(folder):
    fleet = json.loads(evenrack("lab", "status", "--json", "--dir", folder))["fleet"]
    return [(rack["hostname"], rack["id"]) for rack in fleet["racks"]]


def test_a_kept_lab_comes_up_again_with_the_same_racks(tmp_path):
    folder = tmp_path / "lab"
    evenrack("lab", "up", *SMALL, "--retain", "--dir", folder)
    before = identities(folder)
    evenrack("lab", "down", "--dir", folder)
    assert leftovers(folder) == []
    evenrack("lab", "up", *SMALL, "--dir", folder)
    assert identities(folder) == before
    evenrack("lab", "down", "--dir", folder)
    assert leftovers(folder) == []
    assert folder.exists()  # asked for once, kept until its owner removes it
    shutil.rmtree(folder)
