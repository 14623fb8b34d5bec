"""Keeps the connection rows equal to this process's sockets, in batches."""

from collections.abc import Callable, Mapping
from typing import Literal

from attrs import field, frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.errors import DatabaseUnreachable, DeclaredDead, RackIdentityInUse, TooManyLinks
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.identifiers import LinkId, RackId, RunId
from evenrack.model.interface_list import Interface
from evenrack.model.new_leases import LeaseNews
from evenrack.model.power import BmcReach
from evenrack.region.database.bmc_facts import record_reach
from evenrack.region.database.claim_store import Greeting, check_run
from evenrack.region.database.connection_store import (
    LinkFact,
    RackFacts,
    Recorded,
    record_clone,
    record_goodbye,
    record_links,
    record_lost_links,
)
from evenrack.region.database.dhcp_store import record_interfaces, record_report
from evenrack.region.database.engine import Connection, Database
from evenrack.region.database.lease_events import record_new_leases
from evenrack.region.database.process_store import Incarnation
from evenrack.region.links.batched_writes import BatchedWrites
from evenrack.region.links.connected_racks import MOST_LINKS_OF_RACK, ConnectedRacks, RackLink
from evenrack.runtime.look_again import LookAgain

GATHER_SECONDS = 0.02
MOST_RACKS_IN_BATCH = 500
IDENTITY_WAIT_SECONDS = 4.0
"""How long a run waits for another run's links to end: longer than silence ends a link."""

DISPUTE_LOOK_SECONDS = 0.25
"""How often to look whether they have ended."""

Outcome = Literal["recorded", "no database"]


@frozen(kw_only=True, eq=False)
class _Newcomer:
    """A link whose hello waits for its row."""

    link: RackLink
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
        self._under_way: list[RackId] = []
        """Those of them that are being written."""
        self._newcomers: dict[LinkId, _Newcomer] = {}
        self._disputed: dict[LinkId, tuple[RackId, float]] = {}
        self.on_recorded: Callable[[], None] = lambda: None
        """Called when racks that said hello are in the tables."""
        self._writing = LookAgain(
            self._write, clock, gather_seconds=GATHER_SECONDS, at_least_every=1.0
        )
        self._writing.setServiceParent(self)
        self._lost_links: BatchedWrites[tuple[RackId, LinkId]] = BatchedWrites(
            lambda said: database.run(lambda c: record_lost_links(c, said)), clock
        )
        self._lost_links.setServiceParent(self)

    async def admit(self, link: RackLink) -> None:
        """Count a new link; returns when its row is written, or at once without a database.

        RackIdentityInUse when another run of the same rack is connected and goes on answering,
        TooManyLinks when the rack has enough that answer.
        """
        if not self._connected.make_room(link.rack):
            raise TooManyLinks(
                f"rack {link.rack} has {MOST_LINKS_OF_RACK} links to this process that answer"
            )
        newcomer = _Newcomer(link=link)
        self._connected.add(link)
        self._newcomers[link.link] = newcomer
        self._touch(link.rack)
        await newcomer.outcome

    def gone(self, link: RackLink) -> None:
        """Count a link no more."""
        self._connected.remove(link)
        self._disputed.pop(link.link, None)
        newcomer = self._newcomers.pop(link.link, None)
        if newcomer is not None:
            newcomer.outcome.errback(RackIdentityInUse("the link ended before it was recorded"))
        self._touch(link.rack)

    async def lost(self, rack: RackId, link: LinkId) -> None:
        """Believe a rack that one of its links, to any process, is gone."""
        await self._lost_links.add((rack, link))

    async def interfaces(self, link: RackLink, interfaces: tuple[Interface, ...]) -> None:
        """Note which addresses a rack says it has; RackIdentityInUse, as for all that follow."""
        await self._believe(link, lambda c: record_interfaces(c, link.rack, interfaces))

    async def dhcp(self, link: RackLink, report: DhcpReport) -> None:
        """Note what a rack says of its DHCP server."""
        await self._believe(link, lambda c: record_report(c, link.rack, report))

    async def new_leases(self, link: RackLink, news: LeaseNews) -> None:
        """Note which leases a rack has given to new clients."""
        await self._believe(link, lambda c: record_new_leases(c, link.rack, news))

    async def bmc_reach(self, link: RackLink, reach: BmcReach) -> None:
        """Note which BMCs answer a rack."""
        await self._believe(link, lambda c: record_reach(c, link.rack, reach))

    async def _believe(self, link: RackLink, note: Callable[[Connection], None]) -> None:
        """Note what the run says that holds its rack.

        One that was let in without a database may be a copy: its server is not the rack's, and who
        decides by its word lets two servers have one role. A new one that was let in by a process
        that has not joined is to say it again: there is no row yet at which to note it.
        """
        is_to_be_written = link.rack in self._changed or link.rack in self._under_way

        def note_if_it_may(connection: Connection) -> None:
            is_there = check_run(connection, link.rack, link.run)
            if is_to_be_written and not is_there:
                raise RackIdentityInUse(
                    f"rack {link.rack} is not in the tables: what it says does not count before "
                    "its link is recorded"
                )
            note(connection)

        await self._database.run(note_if_it_may)

    async def goodbye(self, rack: RackId, run: RunId) -> None:
        """Note that a rack's daemon is being stopped in order."""
        await self._database.run(lambda c: record_goodbye(c, rack, run))

    async def cloned(self, rack: RackId, address: str, why: str) -> None:
        """Note that a second daemon with this rack's identity was refused."""
        try:
            await self._database.run(lambda c: record_clone(c, rack, address, why))
        except DatabaseUnreachable:
            self.log.warn("not noted: {why}", why=why)

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
        in_dispute = {rack for rack, _ in self._disputed.values()}
        batch = sorted(self._changed.keys() | in_dispute)[:MOST_RACKS_IN_BATCH]
        if not batch:
            return
        for rack in batch:
            self._changed.pop(rack, None)
        self._under_way = batch
        try:
            facts = [self._facts(rack) for rack in batch]
            me = self._me()
            recorded = await self._database.run(lambda c: record_links(c, me, facts))
        except (DatabaseUnreachable, DeclaredDead):
            self._changed.update(dict.fromkeys(batch))  # the next turn or incarnation writes them
            self._answer_without_database()
            return
        finally:
            self._under_way = []
        self._answer(facts, recorded)
        self.on_recorded()
        if self._changed:
            self._writing.trigger()
        elif self._disputed:
            self._writing.trigger_in(DISPUTE_LOOK_SECONDS)

    def _facts(self, rack: RackId) -> RackFacts:
        links = self._connected.links_of(rack)
        of_first_run = [link for link in links if link.run == links[0].run]
        newest = of_first_run[-1] if links else None
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
            failure_domain=link.failure_domain,
            run=link.run,
            address=link.peer_address,
            holds=link.holds,
            holds_fingerprint=link.holds_fingerprint,
            fresh=link.link in self._newcomers,
        )

    def _answer(self, facts: list[RackFacts], recorded: Recorded) -> None:
        """Tell each waiting hello of this batch what came of it."""
        for rack in facts:
            holder = recorded.holders.get(rack.rack)
            if holder is None:
                continue  # gone, or deleted: then its links are cut in a moment
            written = {link.link for link in rack.links}
            for link in self._connected.links_of(rack.rack):
                if link.link in written:
                    self._judge(link, *holder)

    def _judge(self, link: RackLink, holder: RunId, holder_address: str) -> None:
        """Let a link in, or give the run that holds its rack a while to end, or refuse it."""
        if link.run == holder:
            self._disputed.pop(link.link, None)
            self._let_in(link, "recorded")
            return
        self._connected.doubt(link)
        now = self._clock.seconds()
        _, deadline = self._disputed.setdefault(link.link, (link.rack, now + IDENTITY_WAIT_SECONDS))
        if now >= deadline:
            del self._disputed[link.link]
            self._refuse(
                link,
                f"rack {link.rack} is connected from {holder_address} and answers; "
                f"{link.peer_address} says that it is the same rack",
            )

    def _let_in(self, link: RackLink, outcome: Outcome) -> None:
        self._connected.admit(link, recorded=outcome == "recorded")
        newcomer = self._newcomers.pop(link.link, None)
        if newcomer is not None:
            newcomer.outcome.callback(outcome)

    def _refuse(self, link: RackLink, why: str) -> None:
        newcomer = self._newcomers.pop(link.link, None)
        if newcomer is not None:
            newcomer.outcome.errback(RackIdentityInUse(why))
            return
        link.cut(why)  # let in while there was no database to ask
        Deferred.fromCoroutine(self.cloned(link.rack, link.peer_address, why))

    def _answer_without_database(self) -> None:
        """Let racks in while nothing can be recorded: their links matter more than their rows."""
        for newcomer in list(self._newcomers.values()):
            self._let_in(newcomer.link, "no database")
