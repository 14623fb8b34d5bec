"""Tells racks that the other server of a pair is dead, by an operator's word."""

from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.errors import PartnerDownRefused
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.engine import Database
from evenrack.region.database.partner_down_store import note_refused, note_taken, read_untaken
from evenrack.region.rack_errands import RackErrands

ANSWER_SECONDS = 10.0
"""Its server answers within milliseconds; the rack asks it before and after."""
TOO_OLD = "this rack's version does not know the command: upgrade it"


class PartnerDownSender(RackErrands[PartnerDown]):
    """Tells the survivor of each such word, again each second until it took it."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__(
            connected, clock, find=self._untaken, tell=self._tell_one, answer_seconds=ANSWER_SECONDS
        )
        self._database = database
        self._process = process

    async def _untaken(self) -> Mapping[RackId, PartnerDown]:
        return await self._database.read(lambda c: read_untaken(c, self._process))

    async def _tell_one(self, link: RackLink, word: PartnerDown) -> None:
        try:
            mclt = await link.take_partner_down(word.vlan, word.dead)
        except PartnerDownRefused as refusal:
            await self._refused(word, str(refusal))
        except amp.UnhandledCommand:
            await self._refused(word, TOO_OLD)
        else:
            await self._database.run(lambda c: note_taken(c, word, mclt_seconds=mclt))

    async def _refused(self, word: PartnerDown, why: str) -> None:
        if why != word.refused:
            self.log.warn(
                "rack {rack} does not take {dead} for dead: {why}",
                rack=word.survivor,
                dead=word.dead,
                why=why,
            )
            await self._database.run(lambda c: note_refused(c, word, why))
