"""Tells racks that the other server of a pair is dead, by an operator's word."""

from collections.abc import Mapping, Sequence

from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.errors import PartnerDownRefused
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.partner_down import PartnerDown
from evenrack.region.database.engine import Connection
from evenrack.region.database.partner_down_store import note_refused, note_taken, read_untaken
from evenrack.region.errands.rack_errands import TOO_OLD, RowErrands
from evenrack.region.links.connected_racks import RackLink


class PartnerDownSender(RowErrands[Sequence[PartnerDown]]):
    """Tells the survivor of each such word, again each second until it took it."""

    log = Logger()
    answer_seconds = 60.0
    """For all words about its VLANs; its server answers each within milliseconds."""

    def rows(
        self, connection: Connection, process: ProcessId
    ) -> Mapping[RackId, Sequence[PartnerDown]]:
        return read_untaken(connection, process)

    async def tell(self, link: RackLink, words: Sequence[PartnerDown]) -> None:
        for word in words:
            await self._tell_one(link, word)

    async def _tell_one(self, link: RackLink, word: PartnerDown) -> None:
        try:
            mclt = await link.take_partner_down(word.vlan, word.dead)
        except PartnerDownRefused as refusal:
            await self._refused(word, str(refusal))
        except amp.UnhandledCommand:
            await self._refused(word, TOO_OLD)
        else:
            await self.database.run(lambda c: note_taken(c, word, mclt_seconds=mclt))

    async def _refused(self, word: PartnerDown, why: str) -> None:
        if why != word.refused:
            self.log.warn(
                "rack {rack} does not take {dead} for dead: {why}",
                rack=word.survivor,
                dead=word.dead,
                why=why,
            )
            await self.database.run(lambda c: note_refused(c, word, why))
