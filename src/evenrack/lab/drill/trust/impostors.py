"""M8: who has a certificate is what it says, and nothing else."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from evenrack.errors import ProgramFailed
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.strangers import run_intruder
from evenrack.lab.enrolling import new_secret
from evenrack.lab.fleet import RackDaemon
from evenrack.lab.private_file import write_private
from evenrack.trust.files import IDENTITY_FILE

_PORT = 5999
_POSE_SECONDS = 15.0
_REGISTER_SECONDS = 30.0
SPOKEN_VERSION = 3
"""Of the conversation: what the daemons say. A test compares it with theirs."""
_ONE_BEHIND, _TWO_BEHIND = str(SPOKEN_VERSION - 1), str(SPOKEN_VERSION - 2)


def versions_are_known(trial: Trial, limit: float) -> Measured:
    """Say hello as a rack one version behind, and as one of two."""
    rack = trial.pick_rack()
    process = trial.fleet.processes[0]
    trial.programs.stop(rack.name)
    since = trial.clocks.seconds()
    told = {
        version: run_intruder(
            trial,
            rack.host,
            "hello",
            str(rack.state / IDENTITY_FILE),
            process.host.address,
            str(process.port),
            version,
        )
        for version in (_ONE_BEHIND, _TWO_BEHIND)
    }
    seconds = trial.clocks.seconds() - since
    if not told[_ONE_BEHIND]["answered"]:
        raise CheckFailed(f"one version behind is refused: {told[_ONE_BEHIND]}", seconds)
    if told[_TWO_BEHIND] != {"answered": False, "error": "VERSION_REFUSED"}:
        raise NeverMayBe(f"two versions behind is not refused: {told[_TWO_BEHIND]}", seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(seconds=seconds, detail="one version behind served, two refused clearly")


def a_rack_is_no_region(trial: Trial, limit: float) -> Measured:
    """Let a rack's certificate answer where a region should: it hears not a word of a rack."""
    rack, thief = _two_racks(trial)
    since = trial.clocks.seconds()
    with ThreadPoolExecutor(1) as threads:
        posing = _pose(trial, threads, thief)
        trial.programs.stop(rack.name)
        trial.configure(rack.with_regions([_endpoint(thief), *rack.regions]))
        trial.programs.start(rack.name)
        told = posing.result()
    return _nothing_heard(told, trial.clocks.seconds() - since, limit, f"{rack.rack} dialled")


def a_relay_gets_no_secret(trial: Trial, limit: float) -> Measured:
    """Enrol through a middle host that ends TLS with a certificate of its own: nothing is told."""
    rack, thief = _two_racks(trial)
    write_private(rack.enrolment, f"{new_secret(trial.fleet, rack)}\n")
    program = str(trial.programs.folder / "evenrack-rackd")
    since = trial.clocks.seconds()
    trial.programs.stop(rack.name)
    command = [program, "register", "--config", str(rack.config), "--again"]
    refused = False
    try:
        with ThreadPoolExecutor(1) as threads:
            posing = _pose(trial, threads, thief)
            try:
                rack.host.run([*command, "--region", _endpoint(thief)], seconds=_REGISTER_SECONDS)
            except ProgramFailed:
                refused = True
            told = posing.result()
    finally:
        rack.enrolment.unlink()
    seconds = trial.clocks.seconds() - since
    if not refused:
        raise NeverMayBe(f"{rack.rack} enrolled with who is no region", seconds)
    return _nothing_heard(told, seconds, limit, f"{rack.rack} would have enrolled")


def _two_racks(trial: Trial) -> tuple[RackDaemon, RackDaemon]:
    rack = trial.pick_rack()
    others = [each for each in trial.fleet.racks if each is not rack]
    if not others:
        raise CheckFailed("this check needs a second rack; the lab has one")
    return rack, others[0]


def _endpoint(thief: RackDaemon) -> str:
    return f"{thief.host.address}:{_PORT}"


def _pose(trial: Trial, threads: ThreadPoolExecutor, thief: RackDaemon) -> "Future[dict[str, Any]]":
    """Begin to answer where a region might, and give what comes of it."""
    identity = str(thief.state / IDENTITY_FILE)
    words = (identity, thief.host.address, str(_PORT), str(_POSE_SECONDS))
    posing = threads.submit(run_intruder, trial, thief.host, "pose", *words)

    def listens() -> bool:
        command = ["ss", "-Hltn", f"sport = :{_PORT}"]
        return bool(thief.host.run(command, seconds=_POSE_SECONDS).strip())

    if not trial.clocks.wait_until(listens, seconds=_POSE_SECONDS, every=0.1):
        raise CheckFailed(f"nothing listens on {_endpoint(thief)}: this check can show nothing")
    return posing


def _nothing_heard(told: dict[str, Any], seconds: float, limit: float, who: str) -> Measured:
    if not told["visits"]:
        raise CheckFailed("nobody dialled: this check showed nothing", seconds)
    if told["heard"]:
        raise NeverMayBe(f"{told['heard']} bytes were told to a rack's certificate", seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(seconds=seconds, detail=f"{who}, and told nothing: {json.dumps(told)}")


CHECKS = (
    Check(
        promise="M8",
        name="a rack one version behind is served, one of two is refused",
        limit_seconds=10,
        run=versions_are_known,
    ),
    Check(
        promise="M8",
        name="a rack's certificate used as a region hears nothing",
        limit_seconds=15,
        run=a_rack_is_no_region,
    ),
    Check(
        promise="M8",
        name="a relay in the middle of an enrolment hears nothing",
        limit_seconds=20,
        run=a_relay_gets_no_secret,
    ),
)
