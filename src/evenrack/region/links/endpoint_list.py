"""Where every region process can be dialled, read anew whenever something changed."""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable
from evenrack.model.region_endpoints import RegionEndpoints
from evenrack.region.database.engine import Database
from evenrack.region.database.process_store import read_endpoints
from evenrack.runtime.look_again import LookAgain


class EndpointList(MultiService):
    """The newest list; empty until it was read once, and the last one while nothing answers."""

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self.endpoints: RegionEndpoints = {}
        self._reading = LookAgain(self._read, clock, gather_seconds=0.02, at_least_every=2.0)
        self._reading.setServiceParent(self)

    def trigger(self) -> None:
        """Read soon: a process may have come or gone."""
        self._reading.trigger()

    async def _read(self) -> None:
        try:
            self.endpoints = await self._database.run(read_endpoints)
        except DatabaseUnreachable:
            return  # racks keep the list that they have
