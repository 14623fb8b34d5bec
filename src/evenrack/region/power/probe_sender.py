"""Lets racks find out whether the hosts of lost DHCP servers run."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from twisted.protocols import amp

from evenrack.errors import ProbeRefused
from evenrack.model.dhcp_probe import MOST_PROBED, MOST_WHY_CHARACTERS, Probe, ProbeAnswer
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import Connection
from evenrack.region.database.probe_store import note_answers, read_due
from evenrack.region.errands.rack_errands import TOO_OLD, RowErrands
from evenrack.region.links.connected_racks import RackLink


class ProbeSender(RowErrands[Sequence[Probe]]):
    """Asks each rack every ten seconds for as long as the leader wants to know."""

    answer_seconds = 30.0
    """A rack takes 2 s for each 256 addresses."""

    def rows(self, connection: Connection, process: ProcessId) -> Mapping[RackId, Sequence[Probe]]:
        return read_due(connection, process)

    async def tell(self, link: RackLink, probes: Sequence[Probe]) -> None:
        for start in range(0, len(probes), MOST_PROBED):
            await self._ask(link, probes[start : start + MOST_PROBED])

    async def _ask(self, link: RackLink, probes: Sequence[Probe]) -> None:
        addresses = tuple(dict.fromkeys(probe.address for probe in probes))
        try:
            answers = await link.probe(addresses)
        except ProbeRefused as refusal:
            answers = _unknown(addresses, str(refusal))
        except amp.UnhandledCommand:
            answers = _unknown(addresses, TOO_OLD)
        await self.database.run(lambda c: note_answers(c, probes, answers))


def _unknown(addresses: Sequence[IPv4Address], why: str) -> tuple[ProbeAnswer, ...]:
    why = why[:MOST_WHY_CHARACTERS]
    return tuple(ProbeAnswer(address=it, found="unknown", why=why) for it in addresses)
