"""Certificates for the lab's hosts, got as anyone would: init on regions, register on racks."""

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from evenrack.client import Client
from evenrack.errors import ApiRefused, OutcomeUnknown
from evenrack.lab.fleet import Fleet, RackDaemon, RegionProcess
from evenrack.lab.fleet_status import fleet_client
from evenrack.lab.private_file import write_private

INIT_SECONDS = 30.0
REGISTER_SECONDS = 30.0
_MINUTES = 5
_AT_ONCE = 4
_TRIES = 3
_UNAVAILABLE = 503


def initialise_hosts(fleet: Fleet, programs: Path) -> None:
    """Run init on the first region host, which makes the cluster, then on the others."""
    first, *others = [process for process in fleet.processes if process.instance == 1]
    _initialise(first, programs)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for done in [threads.submit(_initialise, other, programs) for other in others]:
            done.result()


def enrol_racks(fleet: Fleet, racks: Sequence[RackDaemon], programs: Path) -> None:
    """Make one secret for all these racks, and let each join with it."""
    secret = _make_secret(fleet, {"uses": len(racks)})
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for done in [threads.submit(_register, rack, secret, programs) for rack in racks]:
            done.result()


def enrol_again(fleet: Fleet, rack: RackDaemon, programs: Path) -> str:
    """Let one rack come back as itself; give the secret by which it did."""
    secret = new_secret(fleet, rack)
    _register(rack, secret, programs, "--again")
    return secret


def lab_name() -> str:
    """Make a name for what a lab makes and nobody else has."""
    return f"lab-{secrets.token_hex(4)}"


def new_secret(fleet: Fleet, rack: RackDaemon) -> str:
    """Make a secret with which this rack may come back as itself."""
    return _make_secret(fleet, {"rack": rack.rack})


def _make_secret(fleet: Fleet, wanted: Mapping[str, Any]) -> str:
    """Make one; another one where a busy machine does not say whether it was made.

    Each time takes what the region gives its database: it says that it is unavailable only then.
    """
    client = fleet_client(fleet)
    for _ in range(_TRIES - 1):
        try:
            return _ask_for_secret(client, wanted)
        except OutcomeUnknown:
            continue
        except ApiRefused as refused:
            if refused.problem.get("status") != _UNAVAILABLE:
                raise
    return _ask_for_secret(client, wanted)


def _ask_for_secret(client: Client, wanted: Mapping[str, Any]) -> str:
    named = {"name": lab_name(), "minutes": _MINUTES, **wanted}
    return str(client.post("/api/v1/enrolments", named)["secret"])


def _initialise(process: RegionProcess, programs: Path) -> None:
    program = str(programs / "evenrack-regiond")
    process.host.run([program, "init", "--config", str(process.config)], seconds=INIT_SECONDS)


def _register(rack: RackDaemon, secret: str, programs: Path, *options: str) -> None:
    write_private(rack.enrolment, f"{secret}\n")
    program = str(programs / "evenrack-rackd")
    command = [program, "register", "--config", str(rack.config), *options]
    try:
        rack.host.run(command, seconds=REGISTER_SECONDS)
    finally:
        rack.enrolment.unlink()
