"""Whether this host's clock is right, by what the regions say of the database's."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from statistics import median

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.model.clock_gap import in_words, is_wrong, recorded_anew, surely_ahead
from evenrack.model.dhcp_report import DhcpReport

MOST_SECONDS = 1.0
"""An answer that was longer under way says too little; as often one is looked at."""

SAMPLES = 11
"""Of which the one in the middle counts: a region whose clock was just set may be wrong twice."""


class ClockWatch:
    """Compares at most once a second; decides nothing."""

    log = Logger()

    def __init__(self, clock: IReactorTime, wall_clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.now = wall_clock
        self._sampled_at = float("-inf")
        self._samples: deque[float] = deque(maxlen=SAMPLES)
        self._ahead: float | None = None
        self.on_change: Callable[[], None] = _nothing

    def told(self, asked: datetime, database: datetime | None) -> None:
        """Take what a region says of the database's clock, which was asked at this time of ours."""
        answered = self.now()
        took = (answered - asked).total_seconds()
        is_early = self._clock.seconds() - self._sampled_at < MOST_SECONDS
        if database is None or is_early or not 0 <= took <= MOST_SECONDS:
            return
        self._sampled_at = self._clock.seconds()
        self._samples.append(surely_ahead(asked, database, answered))
        if len(self._samples) == SAMPLES:
            self._record(recorded_anew(self._ahead, median(self._samples)))

    def added_to(self, report: DhcpReport) -> DhcpReport:
        """Say in a report by how much the clock is wrong, if it is."""
        wrong = self._ahead if is_wrong(self._ahead) else None
        return report if wrong is None else evolve(report, clock_ahead=round(wrong))

    def _record(self, ahead: float) -> None:
        before, self._ahead = self._ahead, ahead
        if is_wrong(ahead) and not is_wrong(before):
            self.log.warn(
                "the clock of this host is {gap}, as the regions tell it: its DHCP server dates "
                "leases by it, and its peer goes by another time. See `timedatectl`, then "
                "`timedatectl set-ntp true` or start chrony",
                gap=in_words(ahead),
            )
        if is_wrong(before) and not is_wrong(ahead):
            self.log.info("the clock of this host is right again")
        if ahead != before:
            self.on_change()


def _nothing() -> None:
    pass
