"""Asks racks which leases they know, over the links that this process has to them."""

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.protocols.amp import UnhandledCommand

from evenrack.errors import EvenrackError, LeasesNotTold
from evenrack.model.dhcp_lease import LeasePage, LeasesAsked
from evenrack.model.identifiers import RackId
from evenrack.region.connected_racks import ConnectedRacks
from evenrack.runtime.log_format import error_text

ANSWER_SECONDS: Final = 15.0
"""For a page: of a hundred thousand leases the first takes a slow host some seconds."""

AskLeases = Callable[[RackId, LeasesAsked], Awaitable[LeasePage]]
"""Asks one rack; LeasesNotTold."""


class LeaseAsking:
    """Nothing is asked twice: who wants to know looks again."""

    def __init__(self, connected: ConnectedRacks, clock: IReactorTime) -> None:
        self._connected = connected
        self._clock = clock

    async def ask(self, rack: RackId, asked: LeasesAsked) -> LeasePage:
        """Give a page of what the rack's DHCP server wrote down; LeasesNotTold says why not."""
        link = self._connected.newest_admitted(rack)
        if link is None:
            raise LeasesNotTold("this region process has no link to it now")
        asking = Deferred.fromCoroutine(link.read_leases(asked))
        asking.addTimeout(ANSWER_SECONDS, self._clock)
        try:
            return await asking
        except UnhandledCommand:
            raise LeasesNotTold(
                "its evenrack-rackd is older and does not know the question; upgrade it"
            ) from None
        except defer.TimeoutError:
            raise LeasesNotTold(f"it gave no answer within {ANSWER_SECONDS:.0f} s") from None
        except EvenrackError as problem:
            raise LeasesNotTold(str(problem)) from None
        except Exception as problem:  # noqa: BLE001  every kind of lost connection, and its bugs
            raise LeasesNotTold(f"the answer got lost: {error_text(problem)}") from None
