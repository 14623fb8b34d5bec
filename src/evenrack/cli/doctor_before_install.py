"""What `evenrack doctor --before-install` finds on this host, without a region and a database."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from evenrack.cli.doctor_checks import Finding
from evenrack.config.key_file import load_keys
from evenrack.config.rack_config import RackDhcp, load_rack_config
from evenrack.config.region_config import RegionConfig, load_region_config
from evenrack.errors import ConfigurationRefused

LEAST_PYTHON = (3, 11)
_COMMAND = re.compile(r"run `([^`]+)`")
"""How a refusal names its cure, when that is a command."""


def findings_on_this_host(folder: Path, *, search_path: str) -> list[Finding]:
    """Check the programs and the files in `folder`; for what there is no file is not checked."""
    region, rack = folder / "regiond.conf", folder / "rackd.conf"
    found = [_python()]
    if region.exists():
        found += _region(region)
    if rack.exists() or not region.exists():
        found += _rack(rack, search_path)
    if not region.exists() and not rack.exists():
        found.append(
            Finding(
                id="configuration",
                verdict="WARN",
                seen=f"neither regiond.conf nor rackd.conf is in {folder}",
                cause="This host is neither a region host nor a rack yet.",
                cure=f"install -D etc/regiond.conf {region}, or the same with rackd.conf",
            )
        )
    return found


def _python() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= LEAST_PYTHON:
        return Finding(id="python", verdict="ok", seen=seen)
    return Finding(  # pragma: no cover  such a Python does not get so far with every file
        id="python",
        verdict="FAIL",
        seen=seen,
        cause="evenrack needs Python 3.11 or newer.",
        cure="apt-get install python3.11",
    )


def _region(path: Path) -> Iterator[Finding]:
    try:
        config = load_region_config(path)
    except ConfigurationRefused as refusal:
        yield from _refused("configuration", refusal)
        return
    yield Finding(id="configuration", verdict="ok", seen=f"{path} is well")
    yield from _keys(config)


def _keys(config: RegionConfig) -> Iterator[Finding]:
    """Check the key file as the daemon will: by the user whose the state folder is."""
    path = config.key_file
    if not path.exists():
        yield Finding(
            id="keys",
            verdict="WARN",
            seen=f"{path} is not there",
            cause="The first region host makes it; every other one needs a copy of that.",
            cure=f"evenrack-regiond init, or copy {path} from the first region host, mode 0600",
        )
        return
    owner = config.state_dir.stat().st_uid if config.state_dir.exists() else None
    try:
        load_keys(path, user=owner)
    except ConfigurationRefused as refusal:
        yield from _refused("keys", refusal)
    else:
        yield Finding(id="keys", verdict="ok", seen=f"{path} is well")


def _rack(path: Path, search_path: str) -> Iterator[Finding]:
    dhcp = RackDhcp()
    if path.exists():
        try:
            dhcp = load_rack_config(path).dhcp
        except ConfigurationRefused as refusal:
            yield from _refused("configuration", refusal)
        else:
            yield Finding(id="configuration", verdict="ok", seen=f"{path} is well")
    yield _program("dhcpd", str(dhcp.binary), search_path, "isc-dhcp-server")
    yield _program("ipmitool", "ipmitool", search_path, "ipmitool")


_WITHOUT = {
    "dhcpd": "A rack without it serves no DHCP.",
    "ipmitool": "A rack without it switches no machine whose BMC has this driver.",
}


def _program(check: str, name: str, search_path: str, package: str) -> Finding:
    found = shutil.which(name, path=search_path)
    if found is not None:
        return Finding(id=check, verdict="ok", seen=found)
    return Finding(
        id=check,
        verdict="WARN",
        seen=f"{name} is not on this host",
        cause=_WITHOUT[check],
        cure=f"apt-get install {package}",
    )


def _refused(check: str, refusal: ConfigurationRefused) -> Iterator[Finding]:
    for problem in refusal.problems:
        command = _COMMAND.search(problem)
        yield Finding(
            id=check,
            verdict="FAIL",
            seen=f"{refusal.path}: {problem}",
            cause="The daemon does not start with it.",
            cure=f"edit {refusal.path}" if command is None else command[1],
        )
