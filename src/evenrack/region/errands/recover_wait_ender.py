"""Tells racks that their server need not wait before it serves: it has promised nothing unknown.

A server that joins another one waits for a whole mclt (an hour) in `recover-wait`, so that whatever
it promised before is over. One that never served a VLAN promised nothing there, and one that left
it when both were normal has told its partner (docs/decisions/0017).
"""

from collections.abc import Mapping, Sequence
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from evenrack.errors import RecoverWaitRefused
from evenrack.model.dhcp_roles import Newcomer
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.served_store import note_wait_ended, read_waiting_newcomers
from evenrack.region.errands.rack_errands import TOO_OLD, RowErrands
from evenrack.region.links.connected_racks import ConnectedRacks, RackLink


class RecoverWaitEnder(RowErrands[Sequence[Newcomer]]):
    """Tells each rack that waits for nothing, again each second while it says that it waits."""

    log = Logger()
    answer_seconds = 60.0
    """For all of its VLANs; its server answers each within milliseconds."""

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        process: ProcessId,
        clock: IReactorTime,
    ) -> None:
        super().__init__(database, connected, process, clock)
        self._told: dict[Newcomer, str] = {}
        """Why each was refused last."""

    def rows(
        self, connection: Connection, process: ProcessId
    ) -> Mapping[RackId, Sequence[Newcomer]]:
        return read_waiting_newcomers(connection, process)

    async def tell(self, link: RackLink, newcomers: Sequence[Newcomer]) -> None:
        for newcomer in newcomers:
            try:
                await link.end_recover_wait(newcomer.vlan, newcomer.peer)
            except RecoverWaitRefused as refusal:
                self._refused(newcomer, str(refusal))
            except amp.UnhandledCommand:
                self._refused(newcomer, TOO_OLD)
            else:
                self._told.pop(newcomer, None)
                await self.database.run(partial(note_wait_ended, newcomer=newcomer))

    def _refused(self, newcomer: Newcomer, why: str) -> None:
        """Say it once: it is asked again each second, for an hour where the rack is too old."""
        if self._told.get(newcomer) != why:
            self._told[newcomer] = why
            self.log.info(
                "rack {rack} waits for mclt before it serves VLAN {vlan}: {why}",
                rack=newcomer.rack,
                vlan=newcomer.vlan,
                why=why,
            )
