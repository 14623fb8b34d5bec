"""Watches what dhcpd writes down: addresses that are left, states of pairs, new leases."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import evolve
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.dhcp_report import AddressCount, DhcpReport, RelayedAddresses, VlanReport
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import LeaseNews
from evenrack.rack.dhcp.address_tally import AddressTally, Began, Spans, spans_of
from evenrack.rack.dhcp.lease_follower import LeaseFollower
from evenrack.rack.dhcp.news_bag import NewsBag
from evenrack.runtime.look_again import LookAgain
from evenrack.runtime.thinking import Think

Counts = Mapping[VlanId, AddressCount]

LOOK_SECONDS: Final = 10.0

TELL_SECONDS: Final = 60.0
"""Numbers that have changed a little are told as often: each time is a write to the database."""

STEPS: Final = (0, 5, 10)
"""What is worth telling at once: that so many per cent are left."""


class LeaseWatch(MultiService):
    """Reads on now and then, beside the reactor's thread; decides nothing."""

    log = Logger()

    def __init__(
        self,
        file: Path,
        applied: Callable[[], DhcpPlan],
        tell: Callable[[LeaseNews], Awaitable[bool]],
        think: Think,
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._applied = applied
        self._tell = tell
        self._think = think
        self._clock = clock
        self._follower = LeaseFollower(file)
        self._tally = self._whole = AddressTally({})
        self._why_not = ""
        self._told: Counts = {}
        self._told_at = float("-inf")
        self._began: Mapping[VlanId, Began] = {}
        self._bag = NewsBag()
        self._bag_told_at = float("-inf")
        self.on_change: Callable[[], None] = lambda: None
        self._looking = LookAgain(
            self._look, clock, gather_seconds=0.0, at_least_every=LOOK_SECONDS
        )
        self._looking.setServiceParent(self)

    def trigger(self) -> None:
        """Look soon: the server serves something else, or in another state."""
        self._looking.trigger()

    def added_to(self, report: DhcpReport) -> DhcpReport:
        """Say in a report how many addresses are left, and since when its states are."""
        if not (self._told or self._began):
            return report
        return evolve(report, vlans=tuple(self._with_more(side) for side in report.vlans))

    def _with_more(self, side: VlanReport) -> VlanReport:
        began = self._began.get(side.vlan)
        since = began.at if began is not None and began.state == side.state else None
        return evolve(
            side,
            addresses=self._count(side, side.vlan),
            relayed_addresses=tuple(
                RelayedAddresses(vlan=vlan, addresses=count)
                for vlan in side.relayed
                if (count := self._count(side, vlan)) is not None
            ),
            since=since,
        )

    def _count(self, side: VlanReport, vlan: VlanId) -> AddressCount | None:
        count = self._told.get(vlan)
        if count is not None and side.peer is None:  # of a pair that it was before
            return evolve(count, free=count.free + count.backup, backup=0)
        return count

    async def _look(self) -> None:
        plan = self._applied()
        spans = spans_of(plan)
        counts = await self._think(lambda: self._read(spans)) if plan else {}
        found = self._tally.began if counts else {}
        began = {it.vlan.id: found[it.peer_name] for it in plan if it.peer_name in found}
        now = self._clock.seconds()
        are_news = is_news(self._told, counts, now - self._told_at)
        if are_news:
            self._told, self._told_at = counts, now
        if are_news or began != self._began:
            self._began = began
            self.on_change()
        await self._tell_news()

    async def _tell_news(self) -> None:
        """Tell of new leases, not more often than they are looked for; again until it is taken."""
        now = self._clock.seconds()
        if not self._bag or now - self._bag_told_at < LOOK_SECONDS:
            return
        self._bag_told_at = now
        if await self._tell(self._bag.news()):
            self._bag = NewsBag()

    def _read(self, spans: Spans) -> Counts:
        """Count, beside the reactor's thread; nothing where nothing was ever written."""
        if spans != self._tally.spans:
            self._follower.forget()

        def begin() -> None:
            before = self._whole if self._whole.spans == spans else None
            self._tally = AddressTally(spans, before=before, new=self._note_new)

        why_not = ""
        try:
            self._follower.read_on(begin, self._take)
            self._tally.end()
            self._whole = self._tally
        except FileNotFoundError:
            return {}  # a server that was never started
        except OSError as problem:
            why_not = f"the file of leases cannot be read: {problem.strerror}"
        if why_not and why_not != self._why_not:
            self.log.warn("addresses are not counted: {why}", why=why_not)
        self._why_not = why_not
        return {} if why_not else self._tally.counts()

    def _note_new(self, vlan: VlanId, entry: bytes) -> None:
        self._bag.add(vlan, entry)

    def _take(self, piece: bytes) -> None:
        self._tally.take(piece)


def is_news(told: Counts, now: Counts, seconds: float) -> bool:
    """Tell whether counts are to be told, so long after others were."""
    if now.keys() != told.keys() or seconds >= TELL_SECONDS:
        return now != told
    return any(_step(now[vlan]) != _step(told[vlan]) for vlan in now)


def _step(count: AddressCount) -> tuple[int, ...]:
    """Give how far the numbers that somebody may be waiting for have fallen."""
    left = (count.free + count.backup, count.free, count.backup)
    fallen = (
        next((step for step in STEPS if 100 * each <= step * count.total), 100) for each in left
    )
    return count.total, *fallen
