"""One server's file of leases, read on now and then, and counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from twisted.logger import Logger

from evenrack.rack.dhcp.address_tally import Spans
from evenrack.rack.dhcp.lease_follower import LeaseFollower


class Tally(Protocol):
    """What is made of a file (`address_tally`, `address_tally6`)."""

    spans: Spans

    def take(self, piece: bytes) -> None:
        """Read on."""

    def end(self) -> None:
        """Note that the file is read to its end."""


OneTally = TypeVar("OneTally", bound=Tally)


class LeaseBook(Generic[OneTally]):
    """Begins a new tally where the file, or what it is counted by, is another."""

    log = Logger()

    def __init__(self, file: Path, begin: Callable[[Spans, OneTally | None], OneTally]) -> None:
        """`begin` is given the ranges, and the tally of the file before, where it has the same."""
        self._follower = LeaseFollower(file)
        self._begin = begin
        self._tally = self._whole = begin({}, None)
        self._why_not = ""

    def read(self, spans: Spans) -> OneTally | None:
        """Count, beside the reactor's thread; None where nothing was ever written."""
        if spans != self._tally.spans:
            self._follower.forget()

        def begin() -> None:
            before = self._whole if self._whole.spans == spans else None
            self._tally = self._begin(spans, before)

        why_not = ""
        try:
            self._follower.read_on(begin, self._take)
            self._tally.end()
            self._whole = self._tally
        except FileNotFoundError:
            return None  # a server that was never started
        except OSError as problem:
            why_not = f"the file of leases cannot be read: {problem.strerror}"
        if why_not and why_not != self._why_not:
            self.log.warn("addresses are not counted: {why}", why=why_not)
        self._why_not = why_not
        return None if why_not else self._tally

    def _take(self, piece: bytes) -> None:
        self._tally.take(piece)
