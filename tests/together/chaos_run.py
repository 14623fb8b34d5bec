"""Living through chaos: each step is carried out, has to settle, and is judged."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from evenrack.errors import ApiRefused, ProgramFailed, RegionUnreachable
from evenrack.lab.aftermath import event_line
from evenrack.lab.deeds import Meant, do_deed, find_meant
from evenrack.lab.dhcp_state import dhcp_rows
from evenrack.lab.drill.trial import STEADY_SECONDS, Trial
from evenrack.lab.events import events_after, is_move, newest_event
from evenrack.lab.fleet_status import fleet_client
from evenrack.lab.last_lines import last_lines
from tests.together.chaos_deeds import Deed, Step, course, places_of, timeline
from tests.together.chaos_reading import (
    read_fleet,
    read_numbers,
    what_is_told_otherwise,
    what_is_unsettled,
)
from tests.together.chaos_settled import (
    Absence,
    Numbers,
    Reading,
    Touched,
    illegal_pairs,
    moves_without_cause,
    what_restarted,
    what_shrank,
)

SETTLE_SECONDS = 40.0
"""From the end of a step's last deed: more than any promise, for a machine that is busy."""
COUNT_SECONDS = 4.0
"""Of a fleet that is still, so nearly all of it is for looking on a machine that is busy."""
_LOOK_SECONDS = 0.3


class ChaosFound(Exception):
    """Something that must hold did not, or the fleet did not settle."""


def live_through(trial: Trial, seed: int, seconds: float, say: Callable[[str], None]) -> int:
    """Begin step after step for so long, and say each; give how many there were.

    ChaosFound ends it, with the step and what happened in it. The lab is left whole if it can be.
    """
    began = trial.clocks.seconds()
    try:
        before = _Settling(trial, began).wait()
        for number, step in enumerate(course(seed, places_of(trial.fleet))):
            at = trial.clocks.seconds() - began
            if at >= seconds:
                return number
            before, settled = _live_through_step(trial, step, before)
            say(f"{at:5.1f} s  {step}: {settled}")
        raise AssertionError("a course of chaos has no end")
    finally:
        trial.restore()


def _live_through_step(trial: Trial, step: Step, before: Reading) -> tuple[Reading, str]:
    event, at = newest_event(fleet_client(trial.fleet)), trial.clocks.now()
    try:
        return _carry_out_and_judge(trial, step, before, event)
    except ChaosFound as found:
        told = [event_line(each, at) for each in _events(trial, event)]
        lines = [f"{step}:", str(found), "what happened meanwhile:", *told, *_words_of_dead(trial)]
        raise ChaosFound("\n".join(lines)) from None


def _carry_out_and_judge(
    trial: Trial, step: Step, before: Reading, event: int
) -> tuple[Reading, str]:
    done = _Done(trial)
    done.carry_out(step)
    settling = _Settling(trial, trial.clocks.seconds(), done)
    now = settling.wait()
    if wrong := _what_is_wrong(trial, before, now, done, event):
        raise ChaosFound("\n".join(wrong))
    return now, str(settling)


def _what_is_wrong(
    trial: Trial, before: Reading, now: Reading, done: "_Done", event: int
) -> list[str]:
    """Judge a fleet that has settled after a step."""
    client = fleet_client(trial.fleet)
    events, rows = list(events_after(client, event)), dhcp_rows(client)
    attached = {row["vlan"]: trial.racks_on(row["vlan"]) for row in rows}
    moves = [each for each in events if is_move(each)]
    wrong = [
        *what_shrank(before.numbers, now.numbers),
        *what_restarted(before, now, done.touched(events)),
        *(f"orphan: {orphan}" for orphan in now.orphans),
        *illegal_pairs(rows, attached),
        *(
            f"moved without cause: {move}"
            for move in moves_without_cause(moves, done.absences, done.hosts)
        ),
    ]
    if miscounted := _what_is_miscounted(trial):
        wrong.append(f"rows are not sockets: {miscounted}")
    return wrong


def _what_is_miscounted(trial: Trial) -> str | None:
    wrong: str | None = "nothing was seen"

    def right() -> bool:
        nonlocal wrong
        try:
            wrong = what_is_told_otherwise(trial)
        except (RegionUnreachable, ApiRefused, ProgramFailed) as error:
            wrong = str(error)
        return wrong is None

    trial.clocks.wait_until(right, seconds=COUNT_SECONDS, every=_LOOK_SECONDS)
    return wrong


class _Done:
    """Carries out the deeds of a step, and remembers what they did to whom."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.hosts: set[str] = set()
        self.absences: dict[str, Absence] = {}
        self._away: dict[str, datetime] = {}
        self._ended: set[str] = set()
        self._held_up: set[str] = set()

    def carry_out(self, step: Step) -> None:
        """Begin and end every deed at its time; return when the last has ended."""
        clocks = self._trial.clocks
        began = clocks.seconds()
        undo: dict[Deed, Meant] = {}
        for seconds, moment, deed in timeline(step):
            clocks.sleep(max(0.0, began + seconds - clocks.seconds()))
            if moment == "begin":
                undo[deed] = self._begin(deed)
            else:
                self._end(deed, undo[deed])

    def saw(self, status: dict[str, Any]) -> None:
        """Note which racks are back, as the regions tell it."""
        for row in status["racks"]:
            if row["connections"] and row["hostname"] in self._away:
                began, ended = self._away.pop(row["hostname"]), self._trial.clocks.now()
                self.absences[row["hostname"]] = Absence(began=began, ended=ended)

    def touched(self, events: Iterable[dict[str, Any]]) -> Touched:
        """Say what the deeds did to programs.

        Racks restart their DHCP servers too when what these serve changes, which the leader tells.
        """
        changed = any(event["kind"] == "dhcp" for event in events)
        servers = [server.name for server in self._trial.fleet.dhcp_servers()] if changed else []
        return Touched(
            ended=frozenset(self._ended.union(servers)), held_up=frozenset(self._held_up)
        )

    def _begin(self, deed: Deed) -> Meant:
        fleet, programs = self._trial.fleet, self._trial.programs
        self.hosts.add(deed.host)
        if deed.host.startswith("rack"):
            self._away[deed.host] = self._trial.clocks.now()
        hit = find_meant("kill", deed.target, fleet, programs).programs
        (self._ended if deed.act in {"kill", "restart"} else self._held_up).update(hit)
        meant = find_meant(deed.act, deed.target, fleet, programs)
        do_deed(deed.act, meant, programs)
        return meant

    def _end(self, deed: Deed, meant: Meant) -> None:
        programs = self._trial.programs
        if deed.act != "kill":
            do_deed("heal", meant, programs)
            return
        for name in meant.programs:
            programs.start(name)


class _Settling:
    """Waits until all is as it has to be and nothing moves any more."""

    def __init__(self, trial: Trial, began: float, done: _Done | None = None) -> None:
        self._trial = trial
        self._done = done
        self._began = self._whole_since = began
        self._last_wrong = "nothing"
        self._event = -1
        self._unsettled: str | None = "nothing was seen"
        self._numbers: Numbers | None = None

    def wait(self) -> Reading:
        """Give a reading of the settled fleet; ChaosFound when it does not settle."""
        clocks = self._trial.clocks
        if not clocks.wait_until(self._is_settled, seconds=SETTLE_SECONDS, every=_LOOK_SECONDS):
            why = self._unsettled or "events go on and on"
            raise ChaosFound(f"not settled after {SETTLE_SECONDS:g} s: {why}")
        return read_fleet(self._trial)

    def __str__(self) -> str:
        seconds = self._whole_since - self._began
        return f"settled after {seconds:.1f} s, waited for at last: {self._last_wrong}"

    def _is_settled(self) -> bool:
        event = self._event
        try:
            client = fleet_client(self._trial.fleet)
            status = client.get("/api/v1/status")
            if self._done is not None:
                self._done.saw(status)
            self._unsettled = what_is_unsettled(self._trial, client, status)
            event = newest_event(client)
            self._see_numbers_grow()
        except (RegionUnreachable, ApiRefused, ProgramFailed) as error:
            self._unsettled = str(error)
        now = self._trial.clocks.seconds()
        self._last_wrong = self._unsettled or self._last_wrong
        if self._unsettled is not None or event != self._event:
            self._whole_since, self._event = now, event
        return now - self._whole_since >= STEADY_SECONDS

    def _see_numbers_grow(self) -> None:
        before, self._numbers = self._numbers, read_numbers(self._trial)
        if before is not None and (shrank := what_shrank(before, self._numbers)):
            raise ChaosFound("; ".join(shrank))


def _events(trial: Trial, event: int) -> Iterator[dict[str, Any]]:
    """Give what happened since; nothing when nobody can tell."""
    with suppress(RegionUnreachable, ApiRefused):
        yield from events_after(fleet_client(trial.fleet), event)


def _words_of_dead(trial: Trial) -> list[str]:
    """Tell why daemons ended by themselves: their logs are gone with the lab."""
    daemons = {program.name: program for program in trial.fleet.programs()}
    return [last_lines(daemons[name]) for name in trial.programs.dead() if name in daemons]
