"""Tells racks what there is to tell, each over its newest link, one thing at a time."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Generic, TypeVar

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import Connection, Database
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink
from evenrack.runtime.log_format import error_text
from evenrack.runtime.look_again import LookAgain

Message = TypeVar("Message")

TOO_OLD = "this rack's version does not know the command: upgrade it"

GATHER_SECONDS = 0.005
"""Short: what there is to tell comes mostly from one decision, and somebody waits for it."""


class RackErrands(MultiService, Generic[Message]):
    """Finds what racks do not know yet, when told to look and each second, and tells them.

    In the background: a slow rack does not hold up the others. `find` says what is to be told to
    whom; `tell` takes the answer too, and handles every refusal that it knows. Whatever gets lost
    on the way is found again by the next look.
    """

    log = Logger()

    def __init__(
        self,
        connected: ConnectedRacks,
        clock: IReactorTime,
        *,
        find: Callable[[], Awaitable[Mapping[RackId, Message]]],
        tell: Callable[[RackLink, Message], Awaitable[None]],
        answer_seconds: float,
    ) -> None:
        super().__init__()
        self._connected = connected
        self._clock = clock
        self._find = find
        self._tell = tell
        self._answer_seconds = answer_seconds
        self._looking = LookAgain(
            self._look, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._looking.setServiceParent(self)
        self._under_way: set[RackId] = set()

    def trigger(self) -> None:
        """Look soon: there may be something to tell."""
        self._looking.trigger()

    async def _look(self) -> None:
        try:
            found = await self._find()
        except DatabaseUnreachable:
            return
        for rack, message in found.items():
            link = self._connected.newest_admitted(rack)
            if link is not None and rack not in self._under_way:
                self._under_way.add(rack)
                Deferred.fromCoroutine(self._run(link, message))

    async def _run(self, link: RackLink, message: Message) -> None:
        async def tell() -> None:
            await self._tell(link, message)

        try:
            telling = Deferred.fromCoroutine(tell())
            await telling.addTimeout(self._answer_seconds, self._clock)
        except Exception as problem:  # noqa: BLE001  a link that ended; the next look finds another
            self.log.debug(
                "what rack {rack} was to be told got lost: {why}",
                rack=link.rack,
                why=error_text(problem),
            )
        finally:
            self._under_way.discard(link.rack)


class RowErrands(RackErrands[Message]):
    """Errands that are rows: what is to be told to the racks that this process manages."""

    answer_seconds: ClassVar[float]

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__(
            connected,
            clock,
            find=self._read,
            tell=self.tell,
            answer_seconds=self.answer_seconds,
        )
        self.database = database
        self._process = process

    @abstractmethod
    def rows(self, connection: Connection, process: ProcessId) -> Mapping[RackId, Message]:
        """Give what is to be told to whom."""

    @abstractmethod
    async def tell(self, link: RackLink, message: Message) -> None:
        """Tell one rack, and handle every refusal that is known."""

    async def _read(self) -> Mapping[RackId, Message]:
        return await self.database.read(lambda c: self.rows(c, self._process))
