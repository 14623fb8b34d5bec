"""Crowds of new clients that a check lets come, and the ledger of what servers promised."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve, frozen

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.dhcp.dhcp_sight import wait_for
from evenrack.lab.drill.trial import Trial
from evenrack.lab.record import note_program
from evenrack.lab.traffic.felt_file import read_felt
from evenrack.lab.traffic.ledger import acknowledgements, given_twice
from evenrack.lab.traffic.meter import ALWAYS, Felt, dhcp_felt, felt_since
from evenrack.lab.traffic.newcomers import Pace
from evenrack.lab.traffic.program import TrafficProgram
from evenrack.runtime.child_process import ProgramId, is_alive, stop_program

_STOP_SECONDS = 20.0
_FIRST_OF_CROWDS = 1 << 23
"""Numbers of those who come all the time are below."""
_PER_SECOND = 1000
"""A crowd that comes later has other numbers, in this drill and in the next one."""


@frozen(kw_only=True)
class Crowd:
    """New clients on their way."""

    trial: Trial
    client: TrafficProgram
    run: ProgramId
    since: float
    most: int | None

    def wait(self, seconds: float) -> None:
        """Wait until all have come and have a lease, or are lost: CheckFailed when it is late."""

        def all_came() -> bool:
            felt = self.felt()
            return felt.answers + felt.lost >= (self.most or 0) or not is_alive(self.run)

        late = f"a crowd of {self.most} clients was not served within {seconds:g} s"
        wait_for(self.trial, all_came, seconds, late)
        if said := self.client.crowd.log.read_text().strip():
            raise CheckFailed(f"the crowd of clients ended by itself: {said.splitlines()[-1]}")

    def leases(self) -> list[dict[str, Any]]:
        """List who got a lease so far: lines with how long it took, address and server."""
        lines = read_felt(self.client.crowd.felt)
        return [line for line in lines if "server" in line and line["mono"] >= self.since]

    def felt(self) -> Felt:
        """Sum up what they felt so far."""
        lines, now = read_felt(self.client.crowd.felt), self.trial.clocks.seconds()
        return felt_since(lines, self.since, now=now)


@contextmanager
def crowd_on(trial: Trial, vlan: str, pace: Pace) -> Iterator[Crowd]:
    """Let new clients come on a VLAN; at the end all have left."""
    client = next(each for each in trial.fleet.clients if each.network == vlan)
    with crowd_at(trial, client, pace) as crowd:
        yield crowd


@contextmanager
def crowd_at(trial: Trial, client: TrafficProgram, pace: Pace) -> Iterator[Crowd]:
    """Let new clients come on a client's host; at the end all have left."""
    since = trial.clocks.seconds()
    first = _FIRST_OF_CROWDS + int(since * _PER_SECOND) % _FIRST_OF_CROWDS
    numbered = evolve(pace, first=min(first, 2 * _FIRST_OF_CROWDS - 1 - (pace.most or 0)))
    client.crowd.log.unlink(missing_ok=True)
    words = client.crowd.arguments(trial.programs.folder, numbered)
    run = client.host.start(words, log=client.crowd.log)
    note_program(trial.fleet.directory, f"{client.host.name}/crowd", run)
    try:
        yield Crowd(trial=trial, client=client, run=run, since=since, most=pace.most)
    finally:
        stop_program(run, seconds=_STOP_SECONDS)


def ledger_lines(trial: Trial) -> list[dict[str, Any]]:
    """Read what every client of the lab wrote down."""
    return [
        line
        for client in trial.fleet.clients
        for path in (client.ledger, client.crowd.ledger)
        for line in read_felt(path)
    ]


def refuse_given_twice(trial: Trial) -> int:
    """See that no address was ever promised to two clients at once; give how many promises."""
    lines = ledger_lines(trial)
    if twice := given_twice(lines):
        raise NeverMayBe(f"{len(twice)} addresses were given twice: {twice[0]}")
    return len(acknowledgements(lines))


def no_address_was_given_twice(trial: Trial, limit: float) -> Measured:  # noqa: ARG001  it is there
    """Read the ledgers of the whole run: every acknowledgement that was on the wire."""
    promises = refuse_given_twice(trial)
    answers = dhcp_felt(trial.fleet, ALWAYS, now=trial.clocks.seconds()).together.answers
    if answers and not promises:
        raise CheckFailed(f"{answers} clients were answered, and no ledger knows of it")
    return Measured(
        seconds=0.0, detail=f"{promises} acknowledgements since the lab came up, all read"
    )


NEVER_TWICE = Check(
    promise="P14",
    name="in the whole run no address was acknowledged to two clients at once",
    limit_seconds=1,
    run=no_address_was_given_twice,
    needs_whole_lab=False,
    needs_network=True,
)
