"""Who is dead, judged from beats by the observer's own clock: pure.

A process is dead when the same beat was seen for long enough while the observer's own reads
succeeded. An observer that was blind or asleep counts nothing for that time, so an outage of the
database kills nobody.
"""

from collections.abc import Mapping

from attrs import define, field

from evenrack.model.identifiers import ProcessId

Beat = tuple[int, int]
"""(incarnation, beat): a pair that a live process changes each second."""


@define
class _Watched:
    beat: Beat
    unchanged_seconds: float = 0.0


@define(kw_only=True)
class BeatJudge:
    """Counts for how long each process's beat has stood still."""

    dead_after_seconds: float
    most_seconds_between_reads: float
    """A longer pause than this says nothing about the others: count no more than this of it."""
    grace_seconds: float = 0.0
    """After blindness a process that has not beaten since may be silent for so much longer: who
    was cut off from the database as well may find it again later than this observer did."""
    _grace_left: float = field(default=0.0, init=False)
    _server: str = field(default="", init=False)
    _read_at: float | None = field(default=None, init=False)
    _watched: dict[ProcessId, _Watched] = field(factory=dict, init=False)

    def saw(self, now: float, server: str, beats: Mapping[ProcessId, Beat]) -> None:
        """Take in one successful reading of all beats, made at `now` seconds."""
        if server != self._server:
            if self._server:
                self.was_blind()
            self._server = server
        passed = 0.0 if self._read_at is None else now - self._read_at
        counted = max(0.0, min(passed, self.most_seconds_between_reads))
        self._read_at = now
        self._grace_left = max(0.0, self._grace_left - counted)
        self._watched = {
            process: self._watch(process, beat, counted) for process, beat in beats.items()
        }

    def was_blind(self) -> None:
        """Start counting again: a read failed, or the server is another one."""
        self._read_at = None
        self._grace_left = self.grace_seconds
        self._watched.clear()

    def silent(self) -> dict[ProcessId, Beat]:
        """Give the processes that are dead by now, each with the beat at which it stopped."""
        return {
            process: watched.beat
            for process, watched in sorted(self._watched.items())
            if watched.unchanged_seconds >= self.dead_after_seconds
        }

    def _watch(self, process: ProcessId, beat: Beat, counted: float) -> _Watched:
        watched = self._watched.get(process)
        if watched is None:
            return _Watched(beat, -self._grace_left)
        if watched.beat != beat:
            return _Watched(beat)
        return _Watched(beat, watched.unchanged_seconds + counted)
