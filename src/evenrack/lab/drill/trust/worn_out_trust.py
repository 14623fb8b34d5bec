"""M8: what was good once is not good again: a recorded proof, and a certificate that is over."""

from collections.abc import Mapping
from datetime import timedelta

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.strangers import run_intruder
from evenrack.lab.enrolling import enrol_again, lab_name
from evenrack.lab.fleet import Daemon, RackDaemon
from evenrack.lab.intruder.stolen_authority import steal_authority
from evenrack.lab.private_file import write_private
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.certificates import Identity, identity_from_pem, issue_for_rack, rack_of
from evenrack.trust.files import IDENTITY_FILE, TrustFiles

_USES, _MINUTES = 3, 5
_AGO = timedelta(days=40)
"""More than the 30 days of a certificate."""
_TOLD_SECONDS = 15.0
_CURE = "evenrack enrolment create"
_WHY = "the certificate has expired"


def a_recorded_enrolment_is_worth_nothing(trial: Trial, limit: float) -> Measured:
    """Enrol with a secret that is good for more, and send the very same again: not taken."""
    rack, process = trial.pick_rack(), trial.fleet.processes[0]
    name = lab_name()
    client = trial.client()
    wanted = {"name": name, "rack": _id_of(rack), "uses": _USES, "minutes": _MINUTES}
    made = client.post("/api/v1/enrolments", wanted)
    write_private(rack.enrolment, f"{made['secret']}\n")
    since = trial.clocks.seconds()
    where = (process.host.address, str(process.port))
    try:
        told = run_intruder(trial, rack.host, "replay", str(rack.enrolment), *where)
    finally:
        rack.enrolment.unlink()
        client.delete(f"/api/v1/enrolments/{name}")
    seconds = trial.clocks.seconds() - since
    used = [each for each in client.get("/api/v1/enrolments") if each["name"] == name]
    if told["first"] != "enrolled":
        raise CheckFailed(f"the first enrolment is refused, which shows nothing: {told}", seconds)
    if told["words again"] != "ENROLMENT_REFUSED" or told["bytes again"] != "cut":
        raise NeverMayBe(f"what was recorded is taken again: {told}", seconds)
    if used[0]["uses_left"] != _USES - 1:
        raise NeverMayBe(f"it counted as more than one enrolment: {used[0]}", seconds)
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"enrolled once at {process.name}; the same proof was refused, the same bytes cut",
    )


def an_expired_certificate_lets_nobody_in(trial: Trial, limit: float) -> Measured:
    """Give a rack a certificate that was right and is over: refused, told why, cured as told."""
    rack = trial.pick_rack()
    files = TrustFiles(rack.state, cure="")
    expired = _expired(trial, files.identity())
    trial.programs.stop(rack.name)
    _wait_for_links(trial, rack, some=False, why=f"{rack.rack} was stopped")
    files.keep_identity(expired)
    logs = {process.name: _length(process) for process in trial.fleet.processes}
    rack_log = _length(rack)
    since = trial.clocks.seconds()
    trial.programs.start(rack.name)
    try:
        seconds = _until_told(trial, rack, rack_log, since)
        noted = _who_noted(trial, logs)
    finally:
        trial.programs.stop(rack.name)
        enrol_again(trial.fleet, rack, trial.programs.folder)
        trial.programs.start(rack.name)
    _wait_for_links(trial, rack, some=True, why=f"{rack.rack} enrolled again")
    if not noted:
        raise CheckFailed(f"no region process has noted that {rack.rack} was refused", seconds)
    if seconds > limit:
        raise CheckFailed(f"{rack.rack} was told only after {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"{rack.rack} refused and told what to do, noted by {', '.join(noted)}; "
        "it enrolled again and is back",
    )


def _until_told(trial: Trial, rack: RackDaemon, length: int, since: float) -> float:
    """Measure until the rack's own log says what to do; it must have no link meanwhile."""

    def known() -> bool:
        return _CURE in _new_lines(rack, length) or _links(trial, rack) > 0

    trial.clocks.wait_until(known, seconds=_TOLD_SECONDS, every=0.1)
    seconds = trial.clocks.seconds() - since
    if _links(trial, rack):
        raise NeverMayBe(f"{rack.rack} came in with a certificate that had expired", seconds)
    if _CURE not in _new_lines(rack, length):
        raise CheckFailed(f"{rack.rack} is refused, and not told what to do", seconds)
    return seconds


def _who_noted(trial: Trial, lengths: Mapping[str, int]) -> list[str]:
    """Wait until a region process notes whom it refused, which may be after the rack was told."""

    def noted() -> list[str]:
        daemons = trial.fleet.processes
        return [each.name for each in daemons if _WHY in _new_lines(each, lengths[each.name])]

    trial.clocks.wait_until(lambda: bool(noted()), seconds=_TOLD_SECONDS, every=0.1)
    return noted()


def _expired(trial: Trial, good: Identity) -> Identity:
    """Sign a certificate for the same rack and key as the cluster would have, long ago."""
    rack = rack_of(good.certificate)
    if rack is None:
        raise CheckFailed("the rack's certificate names no rack")
    authority = steal_authority(trial.programs.postgres.dsn(), trial.fleet.processes[0].keys)
    public = good.key.public_key()
    signed = issue_for_rack(authority, public, rack, utc_now() - _AGO)
    return Identity(key=good.key, certificate=signed)


def _id_of(rack: RackDaemon) -> str:
    found = rack_of(identity_from_pem((rack.state / IDENTITY_FILE).read_bytes()).certificate)
    return found or rack.rack


def _links(trial: Trial, rack: RackDaemon) -> int:
    row = trial.must_look().rack(rack.rack)
    return 0 if row is None else int(row["connections"])


def _wait_for_links(trial: Trial, rack: RackDaemon, *, some: bool, why: str) -> None:
    if not trial.clocks.wait_until(
        lambda: (_links(trial, rack) > 0) == some, seconds=_TOLD_SECONDS, every=0.1
    ):
        raise CheckFailed(f"{why}, and {'has no link' if some else 'is connected'} still")


def _length(daemon: Daemon) -> int:
    return daemon.log.stat().st_size


def _new_lines(daemon: Daemon, length: int) -> str:
    return daemon.log.read_bytes()[length:].decode("utf-8", "replace")


CHECKS = (
    Check(
        promise="M8",
        name="a recorded enrolment that is sent again is refused",
        limit_seconds=15,
        run=a_recorded_enrolment_is_worth_nothing,
    ),
    Check(
        promise="M8",
        name="a rack with an expired certificate is refused, told what to do, and comes back",
        limit_seconds=10,
        run=an_expired_certificate_lets_nobody_in,
    ),
)
