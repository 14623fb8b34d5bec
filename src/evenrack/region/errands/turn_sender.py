"""Gives each rack that this process manages the turn that the leader granted it."""

from collections.abc import Mapping

from twisted.logger import Logger

from evenrack.errors import TurnRefused
from evenrack.model.dhcp_roles import Turn
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.dhcp_store import read_open_turns
from evenrack.region.database.engine import Connection
from evenrack.region.errands.rack_errands import RowErrands
from evenrack.region.links.connected_racks import RackLink


class TurnSender(RowErrands[Turn]):
    """Tells a rack of its turn, again each second while the rack still waits for it."""

    log = Logger()
    answer_seconds = 20.0
    """A restart takes a moment."""

    def rows(self, connection: Connection, process: ProcessId) -> Mapping[RackId, Turn]:
        return read_open_turns(connection, process)

    async def tell(self, link: RackLink, turn: Turn) -> None:
        try:
            await link.take_turn(turn)
        except TurnRefused as refusal:
            self.log.warn(
                "rack {rack} did not take its turn: {why}", rack=link.rack, why=str(refusal)
            )
