"""Tells the door from which addresses racks came, those that came to other processes too."""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.database.engine import Database
from evenrack.region.database.fleet_store import read_rack_addresses
from evenrack.region.links.strangers import Strangers
from evenrack.runtime.look_again import LookAgain

LOOK_SECONDS = 60.0
NEXT_TRY_SECONDS = 1.0


class RackAddresses(MultiService):
    """Reads them each minute, and when a process starts: a flood then shuts out no rack."""

    def __init__(self, database: Database, strangers: Strangers, clock: IReactorTime) -> None:
        super().__init__()
        self._database = database
        self._strangers = strangers
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    async def _look(self) -> None:
        try:
            addresses = await self._database.run(read_rack_addresses)
        except (DatabaseUnreachable, SchemaMismatch):
            self._looking.trigger_in(NEXT_TRY_SECONDS)
            return
        for rack, address in addresses.items():
            self._strangers.rack_came_from(rack, address)
