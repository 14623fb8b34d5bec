"""Asks racks what only they know, over the links that this process has to them."""

import json
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.protocols.amp import UnhandledCommand, UnknownRemoteError

from evenrack.errors import EvenrackError, NotTold, NotUnderstood
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.dhcp_plan import DhcpPlan, dhcp_plan_from_json
from evenrack.model.identifiers import RackId
from evenrack.model.served_piece import ServedPiece
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.runtime.log_format import error_text
from evenrack.wire.answers import BAD_ARGUMENTS

ANSWER_SECONDS: Final = 15.0
"""For one answer: of a hundred thousand leases the first takes a slow host some seconds."""

MOST_PIECES: Final = 200
"""More than any plan has, also when it is another one in between."""

AskLeases = Callable[[RackId, LeasesAsked], Awaitable[LeasePage]]
"""Asks one rack for leases; NotTold, or NotUnderstood by one that is older."""
AskServed = Callable[[RackId], Awaitable[DhcpPlan]]
"""Asks one rack what its DHCP server serves; NotTold."""

Answer = TypeVar("Answer")


class RackAsking:
    """Nothing is asked twice: who wants to know looks again."""

    def __init__(self, connected: ConnectedRacks, clock: IReactorTime) -> None:
        self._connected = connected
        self._clock = clock

    async def leases(self, rack: RackId, asked: LeasesAsked) -> LeasePage:
        """Give a page of what the rack's DHCP server wrote down; NotTold says why not.

        NotUnderstood when the rack is of a version that cannot read this question.
        """
        return await self._ask(rack, lambda link: link.read_leases(asked))

    async def served(self, rack: RackId) -> DhcpPlan:
        """Give what the rack's DHCP server serves now; NotTold says why not."""
        plan, text = "", b""
        for _ in range(MOST_PIECES):
            piece = await self._piece(rack, plan, len(text))
            if piece.plan != plan:  # it came from the start
                plan, text = piece.plan, b""
            text += piece.text
            if not piece.more:
                return _plan_in(text)
        raise NotTold("it serves another plan each time that it is asked; ask again")

    async def _piece(self, rack: RackId, plan: str, start: int) -> ServedPiece:
        return await self._ask(rack, lambda link: link.read_served(plan, start))

    async def _ask(self, rack: RackId, ask: Callable[[RackLink], Awaitable[Answer]]) -> Answer:
        link = self._connected.newest_admitted(rack)
        if link is None:
            raise NotTold("this region process has no link to it now")
        asking = Deferred.fromCoroutine(_awaited(ask(link)))
        asking.addTimeout(ANSWER_SECONDS, self._clock)
        try:
            return await asking
        except UnhandledCommand:
            raise NotTold(
                "its evenrack-rackd is older and does not know the question; upgrade it"
            ) from None
        except UnknownRemoteError as problem:
            raise _refused(problem) from None
        except defer.TimeoutError:
            raise NotTold(f"it gave no answer within {ANSWER_SECONDS:.0f} s") from None
        except EvenrackError as problem:
            raise NotTold(str(problem)) from None
        except Exception as problem:  # noqa: BLE001  every kind of lost connection, and its bugs
            raise _lost(problem) from None


async def _awaited(asking: Awaitable[Answer]) -> Answer:
    return await asking


def _refused(problem: UnknownRemoteError) -> NotTold:
    # AMP drops the code of an error that is not one of the command's own.
    if problem.description != BAD_ARGUMENTS:
        return _lost(problem)
    return NotUnderstood("its evenrack-rackd is older and cannot read the question; upgrade it")


def _lost(problem: Exception) -> NotTold:
    return NotTold(f"the answer got lost: {error_text(problem)}")


def _plan_in(text: bytes) -> DhcpPlan:
    try:
        return dhcp_plan_from_json(json.loads(text))
    except ValueError:
        raise NotTold(
            "what it serves is not understood here: it is of another version; upgrade the older one"
        ) from None
