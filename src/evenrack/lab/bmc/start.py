"""Starting the lab's BMCs, and having them owned."""

import secrets
import shutil

from evenrack.client import Client
from evenrack.lab.bmc.inventory import make_bmcs
from evenrack.lab.bmc.simulator import EMULATED, SIMULATOR
from evenrack.lab.fleet import Fleet
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.private_file import kept_or_new, write_private

_NEEDED = {SIMULATOR: "openipmi", "ipmitool": "ipmitool"}
_PASSWORD_BYTES = 8
"""Twice as many letters: a BMC takes at most 20, and this simulator 19."""


def missing_packages() -> list[str]:
    """Name the packages without which a lab has no BMCs."""
    return [package for program, package in _NEEDED.items() if shutil.which(program) is None]


def start_bmcs(fleet: Fleet, programs: LabPrograms) -> None:
    """Write every BMC's files, and start them all."""
    password = _password(fleet)
    for bmc in fleet.bmcs:
        bmc.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(bmc.lan, bmc.lan_text(password))
        bmc.emulated.write_text(EMULATED)
    for bmc in fleet.bmcs:
        programs.start(bmc.name)


def register_bmcs(fleet: Fleet, client: Client) -> None:
    """Make them known to the regions, with their machines."""
    make_bmcs(client, fleet.bmcs, _password(fleet))


def _password(fleet: Fleet) -> str:
    """Give the password of this lab's BMCs; its file is made when there is none."""
    folder = fleet.bmcs[0].folder.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "password"
    password = kept_or_new(path, lambda: secrets.token_hex(_PASSWORD_BYTES))
    write_private(path, password)
    return password
