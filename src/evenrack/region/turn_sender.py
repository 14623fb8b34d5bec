"""Gives each rack that this process manages the turn that the leader granted it."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import TurnRefused
from evenrack.model.dhcp_roles import Turn
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.dhcp_store import read_open_turns
from evenrack.region.database.engine import Database
from evenrack.region.rack_errands import RackErrands

ANSWER_SECONDS = 20.0
"""A restart takes a moment."""


class TurnSender(RackErrands[Turn]):
    """Tells a rack of its turn, again each second while the rack still waits for it."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__(
            connected, clock, find=self._open_turns, tell=self._send, answer_seconds=ANSWER_SECONDS
        )
        self._database = database
        self._process = process

    async def _open_turns(self) -> Mapping[RackId, Turn]:
        return await self._database.read(lambda c: read_open_turns(c, self._process))

    async def _send(self, link: RackLink, turn: Turn) -> None:
        try:
            await link.take_turn(turn)
        except TurnRefused as refusal:
            self.log.warn(
                "rack {rack} did not take its turn: {why}", rack=link.rack, why=str(refusal)
            )
