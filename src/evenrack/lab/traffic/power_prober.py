"""Power's prober: each second one machine in turn is asked whether it is on. No clock, no socket.

A question is an order; it waits from the moment when it was to be given until the order ends. While
no region takes it, no other one is asked: the one waits on, for all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from evenrack.lab.traffic.wait import LONG_SECONDS, LOST_SECONDS

ASK_SECONDS = 1.0
KIND = "query"

Line = dict[str, Any]


@frozen(kw_only=True)
class Question:
    """One machine that was asked about and has not answered; times are monotonic seconds."""

    machine: str
    began: float
    order: int | None = None
    """None as long as no region has taken it."""
    in_doubt: bool = False
    """Whether a region may have taken it without saying so."""
    told: bool = False
    """Whether it was already told that this one waits long."""

    def seconds(self, now: float) -> float:
        """Give the wait so far."""
        return now - self.began

    def line(self, now: float, **told: Any) -> Line:
        """Tell of it: {"mono", "kind", "wait", "machine"} and what else is to be told."""
        wait = round(self.seconds(now), 6)
        return {"mono": now, "kind": KIND, "wait": wait, "machine": self.machine, **told}


class PowerProber:
    """Says which machine is to be asked about, takes what came of it, and tells what was felt."""

    def __init__(self, machines: Sequence[str], tell: Callable[[Line], None]) -> None:
        """`tell` gets one line after the other."""
        self._machines = list(machines)
        self._tell = tell
        self._waiting: dict[str, Question] = {}
        self._next_turn = float("-inf")

    @property
    def orders(self) -> list[int]:
        """The orders that are to be looked at."""
        return [each.order for each in self._waiting.values() if each.order is not None]

    def tick(self, now: float) -> str | None:
        """Give the machine of which a query is to be ordered now, if there is one."""
        self._give_up_the_lost(now)
        self._tell_of_long_waits(now)
        for machine, question in self._waiting.items():
            if question.order is None:
                return machine
        return self._new_question(now)

    def ordered(self, machine: str, order: int) -> None:
        """Take it that a region took the order."""
        self._waiting[machine] = evolve(self._waiting[machine], order=order)

    def doubtful(self, machine: str) -> None:
        """Take it that nobody knows whether a region took the order."""
        self._waiting[machine] = evolve(self._waiting[machine], in_doubt=True)

    def busy(self, machine: str, order: int | None) -> None:
        """Take it that the machine has an order that has not ended.

        It is our own when ours is in doubt; somebody else's tells nothing of an outage.
        """
        if order is not None and self._waiting[machine].in_doubt:
            self.ordered(machine, order)
        else:
            del self._waiting[machine]

    def heard(self, rows: Sequence[Mapping[str, Any]], now: float) -> None:
        """Take what the regions say of orders."""
        of_order = {each.order: each for each in self._waiting.values()}
        for row in rows:
            question = of_order.get(row["order"])
            if question is None or row["result"] is None:
                continue
            del self._waiting[question.machine]
            if row["result"] == "ok":
                self._tell(question.line(now, order=row["order"], rack=row["rack"]))
            else:
                self._tell(question.line(now, order=row["order"], lost=True, error=row["error"]))

    def _give_up_the_lost(self, now: float) -> None:
        for machine, question in list(self._waiting.items()):
            if question.seconds(now) >= LOST_SECONDS:
                del self._waiting[machine]
                self._tell(question.line(now, order=question.order, lost=True))

    def _tell_of_long_waits(self, now: float) -> None:
        for machine, question in self._waiting.items():
            if not question.told and question.seconds(now) >= LONG_SECONDS:
                self._waiting[machine] = evolve(question, told=True)
                self._tell(question.line(now, order=question.order, waiting=True))

    def _new_question(self, now: float) -> str | None:
        """Ask about the machine in turn of which nobody waits to hear; none when all wait."""
        if now < self._next_turn:
            return None
        late = now - self._next_turn
        # a turn that is a little late does not delay the next, and a pause is not made up for
        in_step = self._next_turn if late < ASK_SECONDS else now
        self._next_turn = in_step + ASK_SECONDS
        free = [machine for machine in self._machines if machine not in self._waiting]
        if not free:
            return None
        machine = free[0]
        self._machines.remove(machine)
        self._machines.append(machine)
        self._waiting[machine] = Question(machine=machine, began=now)
        return machine
