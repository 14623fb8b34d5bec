"""Keeps the connection rows equal to this process's sockets, in batches."""

from collections.abc import Callable, Mapping
from typing import Literal

from attrs import field, frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, DeclaredDead, RackIdentityInUse
from evenrack.model.identifiers import LinkId, RackId, RunId
from evenrack.region.connected_racks import ConnectedRacks, RackLink
from evenrack.region.database.connection_store import (
    Greeting,
    LinkFact,
    RackFacts,
    Recorded,
    record_goodbye,
    record_links,
    record_lost_link,
)
from evenrack.region.database.engine import Database
from evenrack.region.database.process_store import Incarnation
from evenrack.runtime.look_again import LookAgain

GATHER_SECONDS = 0.02
MOST_RACKS_IN_BATCH = 500
IDENTITY_WAIT_SECONDS = 4.0
"""How long a hello waits for an older run's link to end: longer than silence ends a link."""

Outcome = Literal["recorded", "no database"]


@frozen(kw_only=True, eq=False)
class _Newcomer:
    """A link whose hello waits for its row."""

    link: RackLink
    deadline: float
    outcome: Deferred[Outcome] = field(factory=Deferred)


class Presence(MultiService):
    """Writes what changed among the links, one batch at a time."""

    log = Logger()

    def __init__(
        self,
        database: Database,
        connected: ConnectedRacks,
        me: Callable[[], Incarnation],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._database = database
        self._connected = connected
        self._me = me
        self._clock = clock
        self._changed: dict[RackId, None] = {}
        self._newcomers: dict[LinkId, _Newcomer] = {}
        self._writing = LookAgain(
            self._write, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._writing.setServiceParent(self)

    async def admit(self, link: RackLink) -> None:
        """Count a new link; returns when its row is written, or at once without a database.

        RackIdentityInUse when another run of the same rack is connected and goes on answering.
        """
        newcomer = _Newcomer(link=link, deadline=self._clock.seconds() + IDENTITY_WAIT_SECONDS)
        self._connected.add(link)
        self._newcomers[link.link] = newcomer
        self._touch(link.rack)
        await newcomer.outcome

    def gone(self, link: RackLink) -> None:
        """Count a link no more."""
        self._connected.remove(link)
        newcomer = self._newcomers.pop(link.link, None)
        if newcomer is not None:
            newcomer.outcome.errback(RackIdentityInUse("the link ended before it was recorded"))
        self._touch(link.rack)

    async def lost(self, rack: RackId, link: LinkId) -> None:
        """Believe a rack that one of its links, to any process, is gone."""
        await self._database.run(lambda c: record_lost_link(c, rack, link))

    async def goodbye(self, rack: RackId, run: RunId) -> None:
        """Note that a rack's daemon is being stopped in order."""
        await self._database.run(lambda c: record_goodbye(c, rack, run))

    def resync(self) -> None:
        """Write every link anew: this process has a new incarnation, or the database is another."""
        for rack in self._connected.racks():
            self._touch(rack)

    def reconcile(self, recorded: Mapping[LinkId, RackId]) -> None:
        """Compare the rows of a beat with the sockets, and write again what differs."""
        real = {link.link: link.rack for link in self._connected.all_links()}
        for link in recorded.keys() ^ real.keys():
            self._changed[recorded.get(link) or real[link]] = None
        if self._changed:
            self._writing.trigger()

    def _touch(self, rack: RackId) -> None:
        self._changed[rack] = None
        self._writing.trigger()

    async def _write(self) -> None:
        batch = sorted(self._changed)[:MOST_RACKS_IN_BATCH]
        if not batch:
            return
        for rack in batch:
            del self._changed[rack]
        try:
            facts = [self._facts(rack) for rack in batch]
            me = self._me()
            recorded = await self._database.run(lambda c: record_links(c, me, facts))
        except (DatabaseUnreachable, DeclaredDead):
            self._changed.update(dict.fromkeys(batch))  # the next turn or incarnation writes them
            self._answer_without_database()
            return
        self._answer(facts, recorded)
        if self._changed:
            self._writing.trigger()

    def _facts(self, rack: RackId) -> RackFacts:
        links = self._connected.links_of(rack)
        newest = links[-1] if links else None
        return RackFacts(
            rack=rack,
            links=tuple(
                LinkFact(link=link.link, run=link.run, address=link.peer_address) for link in links
            ),
            greeting=None if newest is None else self._greeting(newest),
        )

    def _greeting(self, link: RackLink) -> Greeting:
        return Greeting(
            hostname=link.hostname,
            run=link.run,
            address=link.peer_address,
            holds=link.holds,
            holds_fingerprint=link.holds_fingerprint,
            fresh=link.link in self._newcomers,
        )

    def _answer(self, facts: list[RackFacts], recorded: Recorded) -> None:
        """Tell each waiting hello of this batch what came of it."""
        for link in [link for rack in facts for link in rack.links]:
            newcomer = self._newcomers.get(link.link)
            if newcomer is None:
                continue
            rack = newcomer.link.rack
            other_run, other_address = recorded.others.get(rack, (link.run, ""))
            if other_run == link.run:
                del self._newcomers[link.link]
                newcomer.outcome.callback("recorded")
            elif self._clock.seconds() < newcomer.deadline:
                self._changed[rack] = None  # the other link may end yet; look at the next turn
            else:
                del self._newcomers[link.link]
                newcomer.outcome.errback(
                    RackIdentityInUse(
                        f"rack {rack} is connected from {other_address} and answers; "
                        f"{link.address} says that it is the same rack"
                    )
                )

    def _answer_without_database(self) -> None:
        """Let racks in while nothing can be recorded: their links matter more than their rows."""
        newcomers, self._newcomers = self._newcomers, {}
        for newcomer in newcomers.values():
            newcomer.outcome.callback("no database")
