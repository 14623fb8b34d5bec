"""Watches what dhcpd writes down: addresses that are left, states of pairs, new leases."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final, Protocol, TypeVar

from attrs import evolve, field, frozen
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from evenrack.model.dhcp_plan import DhcpPlan
from evenrack.model.dhcp_report import (
    AddressCount,
    DhcpReport,
    Ipv6Addresses,
    Ipv6Side,
    RelayedAddresses,
    VlanReport,
)
from evenrack.model.identifiers import VlanId
from evenrack.model.new_leases import LeaseNews
from evenrack.rack.dhcp.address_tally import AddressTally, Began, Spans, spans_of
from evenrack.rack.dhcp.address_tally6 import AddressTally6, spans6_of
from evenrack.rack.dhcp.lease_book import LeaseBook
from evenrack.rack.dhcp.lease_file6 import lease6_in
from evenrack.rack.dhcp.news_bag import NewsBag
from evenrack.runtime.look_again import LookAgain
from evenrack.runtime.thinking import Think

LOOK_SECONDS: Final = 10.0

TELL_SECONDS: Final = 60.0
"""Numbers that have changed a little are told as often: each time is a write to the database."""

STEPS: Final = (0, 5, 10)
"""What is worth telling at once: that so many per cent are left."""


class Count(Protocol):
    """How many addresses there are, of either family, and how many are left."""

    @property
    def total(self) -> int:
        """All that are given to whoever asks."""

    @property
    def left(self) -> tuple[int, ...]:
        """The numbers that somebody may be waiting for."""


OneCount = TypeVar("OneCount", bound=Count)


@frozen(kw_only=True)
class Counts:
    """What the files of both servers say."""

    four: Mapping[VlanId, AddressCount] = field(factory=dict)
    six: Mapping[VlanId, Ipv6Addresses] = field(factory=dict)


class LeaseWatch(MultiService):
    """Reads on now and then, beside the reactor's thread; decides nothing."""

    def __init__(
        self,
        files: tuple[Path, Path],
        applied: Callable[[], DhcpPlan],
        tell: Callable[[LeaseNews], Awaitable[bool]],
        think: Think,
        clock: IReactorTime,
    ) -> None:
        """`files` are those of the servers for IPv4 and for IPv6."""
        super().__init__()
        self._applied = applied
        self._tell = tell
        self._think = think
        self._clock = clock
        self._four = LeaseBook(files[0], self._begin)
        self._six = LeaseBook(files[1], self._begin6)
        self._told = Counts()
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
        if not (self._told.four or self._told.six or self._began):
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
            ipv6=None if side.ipv6 is None else self._with_addresses6(side, side.ipv6),
        )

    def _count(self, side: VlanReport, vlan: VlanId) -> AddressCount | None:
        count = self._told.four.get(vlan)
        if count is not None and side.peer is None:  # of a pair that it was before
            return evolve(count, free=count.free + count.backup, backup=0)
        return count

    def _with_addresses6(self, side: VlanReport, ipv6: Ipv6Side) -> Ipv6Side:
        told = (self._told.six.get(vlan) for vlan in (side.vlan, *side.relayed))
        return evolve(ipv6, addresses=tuple(count for count in told if count is not None))

    async def _look(self) -> None:
        plan = self._applied()
        counts, began = Counts(), dict[VlanId, Began]()
        if plan:
            counts, found = await self._think(lambda: self._read(spans_of(plan), spans6_of(plan)))
            began = {it.vlan.id: found[it.peer_name] for it in plan if it.peer_name in found}
        now = self._clock.seconds()
        ago = now - self._told_at
        are_news = is_news(self._told.four, counts.four, ago) or is_news(
            self._told.six, counts.six, ago
        )
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

    def _read(self, spans: Spans, spans6: Spans) -> tuple[Counts, Mapping[str, Began]]:
        """Count, beside the reactor's thread; nothing where nothing was ever written."""
        four = self._four.read(spans)
        six = self._six.read(spans6) if spans6 else None
        counts = Counts(
            four={} if four is None else four.counts(), six={} if six is None else six.counts()
        )
        return counts, {} if four is None else four.began

    def _begin(self, spans: Spans, before: AddressTally | None) -> AddressTally:
        return AddressTally(spans, before=before, new=self._note_new)

    def _begin6(self, spans: Spans, before: AddressTally6 | None) -> AddressTally6:
        return AddressTally6(spans, before=before, new=self._note_new6)

    def _note_new(self, vlan: VlanId, entry: bytes) -> None:
        self._bag.add(vlan, entry)

    def _note_new6(self, vlan: VlanId, address: IPv6Address, entry: bytes) -> None:
        self._bag.add(vlan, entry, partial(lease6_in, address=address))


def is_news(
    told: Mapping[VlanId, OneCount], now: Mapping[VlanId, OneCount], seconds: float
) -> bool:
    """Tell whether counts are to be told, so long after others were."""
    if now.keys() != told.keys() or seconds >= TELL_SECONDS:
        return now != told
    return any(_step(now[vlan]) != _step(told[vlan]) for vlan in now)


def _step(count: Count) -> tuple[int, ...]:
    """Give how far the numbers that somebody may be waiting for have fallen."""
    fallen = (
        next((step for step in STEPS if 100 * each <= step * count.total), 100)
        for each in count.left
    )
    return count.total, *fallen
