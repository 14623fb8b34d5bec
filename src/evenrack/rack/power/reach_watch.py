"""Finds out which BMCs answer this rack: each is asked now and then, without a password."""

from collections.abc import Awaitable, Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from evenrack.errors import EvenrackError
from evenrack.model.identifiers import BmcId
from evenrack.model.power import BmcReach, BmcTarget
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 20.0
"""How often a BMC that answered is asked again."""
SILENT_SECONDS = 5.0
"""How often one that did not."""
MOST_AT_ONCE = 32
"""Questions in one look when nothing else is set; the others have theirs in the next, what was
never asked before all. 10,000 BMCs have their turn within 8 minutes, and a new one does not wait
for them."""
UNANSWERED = 2
"""So many times as many questions may be under way: they are when every BMC is silent."""
WAIT_SECONDS = 0.5
"""A look waits so long for its answers; those that come later are seen by the next one."""
FAILURES = 2
"""A BMC counts as out of reach after so many questions without an answer. Until then, or until it
answers, a new one is unknown: every BMC is new to a daemon that was restarted."""

Ask = Callable[[BmcTarget], Awaitable[bool]]
"""Asks a BMC whether it is there."""


class ReachWatch(MultiService):
    """Looks at the newest plan's BMCs, and tells when what answers is other than before."""

    log = Logger()

    def __init__(
        self,
        targets: Callable[[], Sequence[BmcTarget] | None],
        ask: Ask,
        clock: IReactorTime,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        super().__init__()
        self._most_at_once = most_at_once
        self._targets = targets
        self._ask = ask
        self._clock = clock
        self._seen: Sequence[BmcTarget] | None = None
        self._due: dict[BmcTarget, float] = {}
        self._by_bmc: dict[BmcId, BmcTarget] = {}
        self._news = False
        """Whether one came or went, is known now, or answers otherwise than before."""
        self._queue: list[tuple[bool, float, BmcId]] = []
        """Who is not being asked: whether it ever was, when it is due, and who. A heap: looking
        through 10,000 each second would cost as much as asking."""
        self._failures: dict[BmcTarget, int] = {}
        """The questions without an answer since its last one; of those that were asked."""
        self._unknown: set[BmcTarget] = set()
        self._problems: dict[BmcTarget, str] = {}
        """Why they could not even be asked; said once, not each time."""
        self._asking: dict[BmcTarget, Deferred[None]] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.reach: BmcReach | None = None
        """Which BMCs answer, and of which it is not known, in the order of their ids; None before
        the first look at a plan: nothing may be concluded from that."""
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: there is a new plan."""
        self._looking.trigger()

    async def _look(self) -> None:
        now = self._clock.seconds()
        targets = self._targets()
        if targets is not None and targets is not self._seen:
            self._follow(targets, now)
        asking = [self._begin(target) for target in self._in_turn(now)]
        await self._answers_to(asking)
        if self._news:
            self._tell()

    def _follow(self, targets: Sequence[BmcTarget], now: float) -> None:
        """Take what the newest plan names, and forget the rest."""
        self._seen, self._news = targets, True
        self._unknown = {t for t in targets if t in self._unknown or t not in self._due}
        self._due = {target: self._due.get(target, now) for target in targets}
        self._by_bmc = {target.bmc: target for target in targets}
        self._failures = {t: n for t, n in self._failures.items() if t in self._due}
        self._problems = {t: why for t, why in self._problems.items() if t in self._due}
        waiting = [each for each in self._due.items() if each[0] not in self._asking]
        self._queue = [(t in self._failures, due, t.bmc) for t, due in waiting]
        heapify(self._queue)

    def _tell(self) -> None:
        self._news = False
        answering = (
            t.bmc for t, n in self._failures.items() if n < FAILURES and t not in self._unknown
        )
        reach = BmcReach(
            answering=tuple(sorted(answering)),
            unknown=tuple(sorted(target.bmc for target in self._unknown)),
        )
        if reach != self.reach:
            self.reach = reach
            self.on_change()

    def _in_turn(self, now: float) -> list[BmcTarget]:
        """Choose whom to ask now: what is new first, then who has waited longest."""
        most = min(self._most_at_once, UNANSWERED * self._most_at_once - len(self._asking))
        chosen: list[BmcTarget] = []
        while len(chosen) < most and self._queue and self._queue[0][1] <= now:
            chosen.append(self._by_bmc[heappop(self._queue)[2]])
        return chosen

    def _begin(self, target: BmcTarget) -> Deferred[None]:
        asking = self._asking[target] = Deferred.fromCoroutine(self._ask_one(target))

        def over(result: object) -> object:
            del self._asking[target]
            if target in self._due:
                heappush(self._queue, (True, self._due[target], target.bmc))
            return result

        asking.addBoth(over)
        return asking

    async def _answers_to(self, asking: list[Deferred[None]]) -> None:
        """Wait for these answers, but not for BMCs that are silent."""
        moment: Deferred[None] = deferLater(self._clock, WAIT_SECONDS)
        both: list[Deferred[Any]] = [DeferredList(asking), moment]
        await DeferredList(both, fireOnOneCallback=True)
        moment.addErrback(lambda cancelled: cancelled.trap(CancelledError))
        moment.cancel()

    def stopService(self) -> Deferred[Any]:
        stopping: Deferred[Any] = super().stopService()
        for asking in list(self._asking.values()):
            asking.addErrback(lambda cancelled: cancelled.trap(CancelledError))
            asking.cancel()
        return stopping

    async def _ask_one(self, target: BmcTarget) -> None:
        try:
            answers = await self._ask(target)
            self._problems.pop(target, None)
        except EvenrackError as problem:
            self._say(target, str(problem))
            answers = False
        if target in self._due:
            self._count(target, answers=answers)
            seconds = AGAIN_SECONDS if answers else SILENT_SECONDS
            self._due[target] = self._clock.seconds() + seconds

    def _count(self, target: BmcTarget, *, answers: bool) -> None:
        before = self._failures.get(target, 0)
        failures = self._failures[target] = 0 if answers else before + 1
        if target in self._unknown:
            if answers or failures >= FAILURES:
                self._unknown.discard(target)
                self._news = True
        elif (before < FAILURES) != (failures < FAILURES):
            self._news = True

    def _say(self, target: BmcTarget, problem: str) -> None:
        if self._problems.get(target) != problem:
            self._problems[target] = problem
            self.log.warn("BMC {bmc}: {problem}", bmc=target.bmc, problem=problem)
