"""What a check of the drill is, and what it reports."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from evenrack.lab.drill.trial import Trial


@frozen(kw_only=True)
class Measured:
    """What a check saw when the promise held."""

    seconds: float
    detail: str


@frozen(kw_only=True)
class Check:
    """One test of one promise."""

    promise: str
    name: str
    limit_seconds: float
    run: Callable[[Trial, float], Measured]
    """Takes the trial and the limit; raises CheckFailed."""
    judges: Callable[[Trial], Any] | None = None
    """The experiment that it judges, which needs a whole lab only when it was not done yet."""
    needs_whole_lab: bool = True
    """Whether the lab has to be whole before; what only reads asks nothing of it."""
    needs_network: bool = False
    """Whether it cuts cables or asks clients, which a lab with --no-net does not have."""
    needs_bmcs: bool = False
    """Whether it switches machines, which only a lab with a network can have."""


@frozen(kw_only=True)
class Outcome:
    """What `lab drill --json` says of one check."""

    promise: str
    name: str
    ok: bool
    seconds: float | None
    limit_seconds: float
    detail: str
    never_may_be: bool = False
    """Whether no slowness of the machine can be why it says no."""

    def to_json(self) -> dict[str, Any]:
        """Give the keys that are fixed for programs that read them."""
        return {
            "promise": self.promise,
            "name": self.name,
            "ok": self.ok,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "limit_seconds": self.limit_seconds,
            "detail": self.detail,
        }
