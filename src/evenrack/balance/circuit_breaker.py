"""When so much is lost at once that the network is to blame, and nothing should be moved: pure.

Whoever sees half of the fleet vanish is more likely cut off than the others are dead. The breaker
stops what would follow from believing it; a rack whose process died still gets another.
"""

from collections.abc import Collection, Iterable

from attrs import evolve, frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.intents import Breaker

WITHIN_SECONDS = 10.0
"""Losses count together that come within this time."""

FEWEST_RACKS = 3
MOST_TENTHS_OF_RACKS = 3
FEWEST_HOSTS = 2
MOST_NAMED = 5


@frozen(kw_only=True)
class BreakerChange:
    """What becomes of the breaker."""

    now: Breaker | None
    """None: it ends."""
    trips: bool = False
    """It begins to hold; otherwise it only remembers more losses, or ends."""

    def applied_to(self, fleet: Fleet) -> Fleet:
        """Give the fleet as it is with this change, for whatever else is decided of it."""
        return evolve(fleet, breaker=self.now)


def lost_racks(fleet: Fleet) -> frozenset[RackId]:
    """Give the racks that are away without having said goodbye."""
    return frozenset(
        rack.id
        for rack in fleet.racks.values()
        if not rack.stopped and not fleet.is_connected(rack.id)
    )


def lost_processes(fleet: Fleet) -> frozenset[ProcessId]:
    """Give the region processes that are dead; one that was stopped in order is not lost."""
    return frozenset(process.id for process in fleet.processes.values() if process.state == "dead")


def decide_breaker(
    fleet: Fleet, *, racks: Collection[RackId], processes: Collection[ProcessId]
) -> BreakerChange | None:
    """Give what becomes of the breaker now; None when it stays as it is.

    `racks` and `processes` were lost within the last `WITHIN_SECONDS`. While it holds it also
    remembers what is lost later; it ends when few enough of all those are still lost.
    """
    before = fleet.breaker
    recent = _Losses(
        racks=frozenset(racks) & lost_racks(fleet),
        processes=frozenset(processes) & lost_processes(fleet),
    )
    if before is None:
        return _trip(fleet, recent, recent) if _is_too_much(fleet, recent) else None
    remembered = _Losses(racks=before.racks, processes=before.processes)
    fresh = recent.without(remembered)
    every = remembered.and_also(recent)
    if not _is_too_much(fleet, every.still(fleet)):
        return BreakerChange(now=None)
    if before.released:
        return _trip(fleet, fresh, every) if _is_too_much(fleet, fresh) else None
    if every == remembered:
        return None
    return BreakerChange(now=evolve(before, racks=every.racks, processes=every.processes))


@frozen(kw_only=True)
class _Losses:
    """Racks and processes that were lost."""

    racks: frozenset[RackId]
    processes: frozenset[ProcessId]

    def without(self, others: "_Losses") -> "_Losses":
        return _Losses(racks=self.racks - others.racks, processes=self.processes - others.processes)

    def and_also(self, others: "_Losses") -> "_Losses":
        return _Losses(racks=self.racks | others.racks, processes=self.processes | others.processes)

    def still(self, fleet: Fleet) -> "_Losses":
        """Give those that are neither back nor deleted."""
        return _Losses(
            racks=self.racks & lost_racks(fleet), processes=self.processes & lost_processes(fleet)
        )


def _is_too_much(fleet: Fleet, lost: _Losses) -> bool:
    return _are_too_many_racks(fleet, lost) or _are_too_many_processes(fleet, lost)


def _are_too_many_racks(fleet: Fleet, lost: _Losses) -> bool:
    """Tell whether these are at least three, and over 30 % of them and those that are there."""
    count = len(lost.racks)
    there = sum(1 for rack in fleet.racks if fleet.is_connected(rack))
    return count >= FEWEST_RACKS and 10 * count > MOST_TENTHS_OF_RACKS * (count + there)


def _are_too_many_processes(fleet: Fleet, lost: _Losses) -> bool:
    """Tell whether these are of two region hosts at least, and more than those that are there."""
    hosts = {fleet.processes[process].region for process in lost.processes}
    return len(hosts) >= FEWEST_HOSTS and len(lost.processes) > len(fleet.live)


def _trip(fleet: Fleet, recent: _Losses, every: _Losses) -> BreakerChange:
    told = []
    if _are_too_many_racks(fleet, recent):
        names = sorted(fleet.racks[rack].hostname for rack in recent.racks)
        there = sum(1 for rack in fleet.racks if fleet.is_connected(rack))
        told.append(_sentence(names, there, "racks"))
    if _are_too_many_processes(fleet, recent):
        told.append(_sentence(sorted(recent.processes), len(fleet.live), "region processes"))
    return BreakerChange(
        now=Breaker(why="; ".join(told), racks=every.racks, processes=every.processes), trips=True
    )


def _sentence(names: Iterable[str], there: int, noun: str) -> str:
    lost = list(names)
    shown = ", ".join(lost[:MOST_NAMED]) + (", .." if len(lost) > MOST_NAMED else "")
    within = f"within {WITHIN_SECONDS:.0f} s"
    return f"{len(lost)} of {len(lost) + there} {noun} were lost {within}: {shown}"
