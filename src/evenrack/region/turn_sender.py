"""Gives each rack that this process manages the turn that the leader granted it."""

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, TurnRefused
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.dhcp_store import read_open_turns
from evenrack.region.database.engine import Database
from evenrack.runtime.look_again import LookAgain

ANSWER_SECONDS = 20.0


class TurnSender(MultiService):
    """Tells a rack of its turn, again each second while the rack still waits for it."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._database = database
        self._connected = connected
        self._process = process
        self._clock = clock
        self._sending = LookAgain(self._send_all, clock, gather_seconds=0.02, at_least_every=1.0)
        self._sending.setServiceParent(self)
        self._under_way: set[RackId] = set()

    def trigger(self) -> None:
        """Look soon: a turn may have been granted."""
        self._sending.trigger()

    async def _send_all(self) -> None:
        try:
            turns = await self._database.read(lambda c: read_open_turns(c, self._process))
        except DatabaseUnreachable:
            return
        for rack, plan in turns.items():
            link = self._connected.newest_admitted(rack)
            if link is not None and rack not in self._under_way:
                self._under_way.add(rack)
                Deferred.fromCoroutine(self._send(link, plan))

    async def _send(self, link: RackLink, plan: str) -> None:
        """Send in the background: a restart takes a moment."""
        try:
            sent = Deferred.fromCoroutine(link.take_turn(plan))
            sent.addTimeout(ANSWER_SECONDS, self._clock)
            await sent
        except TurnRefused as refusal:
            self.log.warn(
                "rack {rack} did not take its turn: {why}", rack=link.rack, why=str(refusal)
            )
        except Exception as problem:  # noqa: BLE001  a link that ended; the next look finds another
            self.log.debug("turn of {rack} got lost: {why}", rack=link.rack, why=repr(problem))
        finally:
            self._under_way.discard(link.rack)
