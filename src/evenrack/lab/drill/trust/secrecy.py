"""M18: no secret crosses a wire, or stands where others can read it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.power.power_sight import Ordered, carried_out, make_slow
from evenrack.lab.drill.trial import Trial
from evenrack.lab.drill.trust.strangers import run_intruder
from evenrack.lab.enrolling import enrol_again, lab_name, new_secret
from evenrack.lab.fleet import RackDaemon
from evenrack.lab.intruder.stolen_authority import steal_authority
from evenrack.lab.known_secrets import KnownSecret, known_secrets, leaks, private_key
from evenrack.lab.private_file import write_private
from evenrack.lab.proc_watch import ProcWatch, not_seen
from evenrack.postgres.binaries import locate_binaries
from evenrack.runtime.child_process import run_program

_TAP_SECONDS = 8.0
_ORDER_SECONDS = 15.0
_SLOW_SECONDS = 1.0
"""So long an ipmitool lives at least, so that it is surely seen."""
_DUMP_SECONDS = 30.0
_GOOD = 200
_BEFORE_A_TOKEN = "evr_"  # noqa: S105  what every token begins with
_ON_EVERY_WIRE = b"SELECT"
"""What regions say to PostgreSQL is in the clear in a lab: a tap that misses it sees nothing."""


def nothing_secret_on_the_wires(trial: Trial, limit: float) -> Measured:
    """Enrol a rack, plan DHCP and order power, and look at every byte between the hosts."""
    rack = trial.pick_rack()
    hosts = {process.region: process.host for process in trial.fleet.processes}
    hosts[rack.rack] = rack.host
    taps = {name: trial.fleet.directory / f"tap-{name}" for name in hosts}
    since = trial.clocks.seconds()
    with ThreadPoolExecutor(len(taps)) as threads:
        tapping = [
            threads.submit(run_intruder, trial, hosts[name], "tap", str(path), str(_TAP_SECONDS))
            for name, path in taps.items()
        ]
        secret = _say_all_secrets(trial, rack)
        for tap in tapping:
            tap.result()
    try:
        seen = {name: path.read_bytes() for name, path in taps.items()}
    finally:
        for path in taps.values():
            path.unlink(missing_ok=True)
    known = known_secrets(trial.fleet, {"the enrolment secret": _the_secret_of(secret)})
    known += _of_the_authority(trial)
    _refuse_leaks(seen, known)
    regions = [process.region for process in trial.fleet.processes]
    if blind := [region for region in regions if _ON_EVERY_WIRE not in seen[region]]:
        raise CheckFailed(f"the tap on {blind[0]} saw nothing: this check can show nothing")
    seconds = trial.clocks.seconds() - since
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    size = sum(len(content) for content in seen.values())
    return Measured(
        seconds=seconds,
        detail=f"{size / 1e6:.1f} MB on {len(taps)} hosts, {len(known)} secrets, none in it",
    )


def _say_all_secrets(trial: Trial, rack: RackDaemon) -> str:
    """Let every secret that crosses a wire do so; gives the one with which the rack enrolled."""
    trial.programs.stop(rack.name)
    secret = enrol_again(trial.fleet, rack, trial.programs.folder)
    trial.programs.start(rack.name)
    network = trial.fleet.network
    if network is not None and network.vlans:
        address = f"/api/v1/vlans/{network.vlans[0]}"
        changed = trial.client().get(address)["max_response_delay"] + 1
        trial.client().patch(address, {"max_response_delay": changed})
    carried_out(trial, trial.fleet.bmcs, "query", trial.clocks.seconds(), _ORDER_SECONDS)
    return secret


def nothing_secret_in_sight(trial: Trial, limit: float) -> Measured:
    """Use every kind of secret, and look for it in /proc, logs and a dump of the database."""
    since = trial.clocks.seconds()
    with ProcWatch(lambda: _pids(trial)) as watch:
        used = use_secrets(trial)
    known = [*known_secrets(trial.fleet, used), *_of_the_authority(trial)]
    places = {**watch.places, **dict(_logs(trial)), "a database dump": _dump(trial)}
    _refuse_leaks(places, known)
    if blind := not_seen(watch.programs, _programs_of(trial)):
        raise CheckFailed(f"no {blind[0]} was seen in /proc: this check can show nothing")
    seconds = trial.clocks.seconds() - since
    if seconds > limit:
        raise CheckFailed(f"it took {seconds:.1f} s", seconds)
    return Measured(
        seconds=seconds, detail=f"{len(places)} places, {len(known)} secrets, none in them"
    )


def use_secrets(trial: Trial) -> dict[str, str]:
    """Enrol a rack, ask with a token, and order power of every BMC; give the secrets by what."""
    rack = trial.pick_rack()
    trial.programs.stop(rack.name)
    try:
        spent = enrol_again(trial.fleet, rack, trial.programs.folder)
    finally:
        trial.programs.start(rack.name)
    found = {
        "the enrolment secret that was used": spent,
        "the enrolment secret that waits": new_secret(trial.fleet, rack),
        "the token": _use_token(trial),
    }
    if trial.fleet.bmcs:
        _ask_long(trial)
    return {what: _the_secret_of(text) for what, text in found.items()}


def _ask_long(trial: Trial) -> None:
    """Order a query of every BMC, which takes long enough for each ipmitool to be seen."""
    since = trial.clocks.seconds()
    try:
        Ordered(
            trial, trial.fleet.bmcs, "query", since, _ORDER_SECONDS, slow_seconds=_SLOW_SECONDS
        ).wait()
    finally:
        make_slow(trial.fleet.bmcs, 0)


def _use_token(trial: Trial) -> str:
    """Make a token, and ask over the network with it."""
    name = lab_name()
    client, process = trial.client(), trial.fleet.processes[0]
    token = str(client.post("/api/v1/tokens", {"name": name, "role": "viewer", "days": 1})["token"])
    file = trial.fleet.directory / "token"
    host, _, port = process.host.http.rpartition(":")
    try:
        write_private(file, f"{token}\n")
        told = run_intruder(trial, process.host, "ask", str(file), host, port)
    finally:
        file.unlink(missing_ok=True)
        client.delete(f"/api/v1/tokens/{name}")
    if told["status"] != _GOOD:
        raise CheckFailed(f"the token was answered {told['status']}: this check can show nothing")
    return token


def _the_secret_of(text: str) -> str:
    """Give the part of an enrolment secret or a token that nobody may know."""
    return text.split(".")[1] if "." in text else text.removeprefix(_BEFORE_A_TOKEN)


def _of_the_authority(trial: Trial) -> Iterator[KnownSecret]:
    """Give the key that signs certificates: it is nowhere but in the database, encrypted."""
    keys = trial.fleet.processes[0].keys
    stolen = steal_authority(trial.programs.postgres.dsn(), keys)
    yield from private_key("the authority", stolen.pem)


def _refuse_leaks(places: dict[str, bytes], known: list[KnownSecret]) -> None:
    for place, content in places.items():
        if found := leaks(content, known):
            raise NeverMayBe(f"{found[0]} stands in what is seen of {place}")


def _pids(trial: Trial) -> list[int]:
    return [running.pid for running in trial.programs.look() if running.pid is not None]


def _programs_of(trial: Trial) -> list[str]:
    """Name programs that hold or are given secrets, as the kernel knows them."""
    has_dhcp = trial.fleet.network is not None and trial.fleet.network.vlans
    return [
        "postgres",
        *(["dhcpd"] if has_dhcp else []),
        *(["ipmitool"] if any(bmc.driver == "ipmitool" for bmc in trial.fleet.bmcs) else []),
    ]


def _logs(trial: Trial) -> Iterator[tuple[str, bytes]]:
    servers = [server for server in trial.fleet.dhcp_servers() if server.log.exists()]
    for program in (*trial.fleet.daemons(), *servers):
        yield f"the log of {program.name}", program.log.read_bytes()
    yield "the log of PostgreSQL", trial.programs.postgres.log.read_bytes()


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
        limit_seconds=30,
        run=nothing_secret_in_sight,
    ),
)
