"""M18: no secret crosses a wire, or stands where others can read it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.power_sight import carried_out
from evenrack.lab.drill.strangers import run_intruder
from evenrack.lab.drill.trial import Trial
from evenrack.lab.enrolling import enrol_again
from evenrack.lab.known_secrets import KnownSecret, known_secrets, leaks
from evenrack.postgres.binaries import locate_binaries
from evenrack.runtime.child_process import run_program

_TAP_SECONDS = 8.0
_ORDER_SECONDS = 8.0
_DUMP_SECONDS = 30.0
_ON_EVERY_WIRE = b"SELECT"
"""What regions say to PostgreSQL is in the clear in a lab: a tap that misses it sees nothing."""


def nothing_secret_on_the_wires(trial: Trial, limit: float) -> Measured:
    """Enrol a rack, plan DHCP and order power, and look at every byte between the hosts."""
    rack = trial.pick_rack()
    network = trial.fleet.network
    hosts = {process.region: process.host for process in trial.fleet.processes}
    hosts[rack.rack] = rack.host
    taps = {name: trial.fleet.directory / f"tap-{name}" for name in hosts}
    since = trial.clocks.seconds()
    with ThreadPoolExecutor(len(taps)) as threads:
        tapping = [
            threads.submit(run_intruder, trial, hosts[name], "tap", str(path), str(_TAP_SECONDS))
            for name, path in taps.items()
        ]
        trial.programs.stop(rack.name)
        secret = enrol_again(trial.fleet, rack, trial.programs.folder)
        trial.programs.start(rack.name)
        if network is not None and network.vlans:
            address = f"/api/v1/vlans/{network.vlans[0]}"
            changed = trial.client().get(address)["max_response_delay"] + 1
            trial.client().patch(address, {"max_response_delay": changed})
        carried_out(trial, trial.fleet.bmcs, "query", trial.clocks.seconds(), _ORDER_SECONDS)
        for tap in tapping:
            tap.result()
    try:
        seen = {name: path.read_bytes() for name, path in taps.items()}
    finally:
        for path in taps.values():
            path.unlink(missing_ok=True)
    secrets = known_secrets(trial.fleet, {"the enrolment secret": secret.split(".")[1]})
    _refuse_leaks(seen, secrets)
    if blind := [
        process.region
        for process in trial.fleet.processes
        if _ON_EVERY_WIRE not in seen[process.region]
    ]:
        raise CheckFailed(f"the tap on {blind[0]} saw nothing: this check can show nothing")
    seconds = trial.clocks.seconds() - since
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    size = sum(len(content) for content in seen.values())
    return Measured(
        seconds=seconds,
        detail=f"{size / 1e6:.1f} MB on {len(taps)} hosts, {len(secrets)} secrets, none in it",
    )


def nothing_secret_in_sight(trial: Trial, limit: float) -> Measured:
    """Look for every secret in arguments, environments, logs and a dump of the database."""
    since = trial.clocks.seconds()
    secrets = known_secrets(trial.fleet, {})
    places = {**dict(_of_programs(trial)), **dict(_logs(trial)), "a database dump": _dump(trial)}
    _refuse_leaks(places, secrets)
    seconds = trial.clocks.seconds() - since
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds, detail=f"{len(places)} places, {len(secrets)} secrets, none in them"
    )


def _refuse_leaks(places: dict[str, bytes], secrets: list[KnownSecret]) -> None:
    for place, content in places.items():
        if found := leaks(content, secrets):
            raise CheckFailed(f"{found[0]} stands in what is seen of {place}")


def _of_programs(trial: Trial) -> Iterator[tuple[str, bytes]]:
    for running in trial.programs.look():
        if running.pid is None or not running.target.endswith(("/rackd", "/1", "/2")):
            continue
        for part in ("cmdline", "environ"):
            yield (
                f"the {part} of {running.target}",
                Path(f"/proc/{running.pid}/{part}").read_bytes(),
            )


def _logs(trial: Trial) -> Iterator[tuple[str, bytes]]:
    for daemon in trial.fleet.daemons():
        yield f"the log of {daemon.name}", daemon.log.read_bytes()


def _dump(trial: Trial) -> bytes:
    program = locate_binaries().folder / "pg_dump"
    postgres = trial.programs.postgres
    return run_program([str(program), postgres.dsn()], seconds=_DUMP_SECONDS).encode()


CHECKS = (
    Check(
        promise="M18",
        name="no secret crosses a wire: enrolment, DHCP plans, power orders",
        limit_seconds=30,
        run=nothing_secret_on_the_wires,
        needs_network=True,
        needs_bmcs=True,
    ),
    Check(
        promise="M18",
        name="no secret in arguments, environments, logs or a dump of the database",
        limit_seconds=15,
        run=nothing_secret_in_sight,
    ),
)
