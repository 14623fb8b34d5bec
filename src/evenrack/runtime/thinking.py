"""Where long, pure work is done: beside the reactor's thread, which racks and people wait for."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.threads import deferToThreadPool

Answer = TypeVar("Answer")


class Think(Protocol):
    """Does a piece of work, and gives or raises what it gives or raises."""

    def __call__(self, work: Callable[[], Answer], /) -> Awaitable[Answer]: ...


def think_beside(reactor: Any) -> Think:
    """Do it in a thread of the reactor's; whoever asks does nothing else with it meanwhile."""

    def think(work: Callable[[], Answer], /) -> Awaitable[Answer]:
        thinking: Awaitable[Answer] = deferToThreadPool(reactor, reactor.getThreadPool(), work)
        return thinking

    return think
