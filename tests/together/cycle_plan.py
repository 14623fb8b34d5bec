"""What is broken while machines are cycled, drawn from a seed: pure.

In a round all machines are cycled side by side. Of three rounds two break something of several
racks, each rack in another way; the third breaks the database, which is everybody's. In every
second round the machines are to start from the network.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal

from attrs import frozen

from evenrack.lab.network.plan import MANAGEMENT, POSTGRES_HOST
from evenrack.model.power import BootDevice

How = Literal[
    "rack killed",
    "rack hung",
    "rack cut",
    "rack cut from the regions",
    "region process killed",
    "database killed",
]

LOSSES: frozenset[How] = frozenset(
    {"rack killed", "rack hung", "rack cut", "rack cut from the regions"}
)
"""After these nobody hears of the rack's conversations any more."""

USUAL_SEED = 16
"""Its round and the next one break every kind of part, racks for short and for long."""
SLOW_SECONDS = (1.0, 2.5)
"""What a BMC takes for an answer. It takes two more for each `cycle` that meets no trouble."""
LONGEST_AFTER = 10.0
"""Soon after that the orders end that nothing happened to."""
SHORT_SECONDS = (0.5, 2.5)
"""Over before anybody notices."""
NOTICED_SECONDS = (4.0, 8.0)
LASTING_SECONDS = (20.0, 26.0)
"""Others have taken over what the rack had."""
OUTAGE_SECONDS = (1.0, 10.0)
"""Of PostgreSQL: shorter and longer than the lease of a rack."""
_DATABASE_EACH = 3
_OF_RACKS: tuple[tuple[How, ...], ...] = (
    ("rack killed",),
    ("rack hung",),
    ("rack cut", "rack cut from the regions"),
    ("region process killed",),
)


MOST_IDLE = 3
"""Rounds one after the other in which no order is met by a break."""


class NothingMet(Exception):
    """Breaks come too late, or too early: no order meets one any more."""


@frozen(kw_only=True)
class Break:
    """One thing that is broken, and put right again."""

    how: How
    after: float
    """Seconds since the orders were given."""
    seconds: float
    """How long it stays so."""

    def __str__(self) -> str:
        return f"{self.how} after {self.after:.1f} s for {self.seconds:.1f} s"


@frozen(kw_only=True)
class Round:
    """Every machine is cycled at once, and this is broken meanwhile."""

    breaks: tuple[Break, ...]
    machines: tuple[str, ...]
    """In the order in which breaks are dealt out: each to the rack that owns the next one's BMC."""
    slow: Mapping[str, float]
    """What the BMC of each machine takes for an answer."""
    boot: BootDevice | None
    """From where the machines are to start."""

    def victims(self, owners: Mapping[str, str]) -> dict[str, Break]:
        """Say which rack meets which break, by who owns the BMC of each machine; one at most."""
        racks = list(dict.fromkeys(owners[machine] for machine in self.machines))
        if any(each.how == "database killed" for each in self.breaks):
            return dict.fromkeys(racks, self.breaks[0])
        return dict(zip(racks, self.breaks, strict=False))


def draw_round(seed: int, machines: Sequence[str]) -> Round:
    """Give a round; the same one for the same seed and machines."""
    chance = Random(seed)  # noqa: S311  the chance of a test is its seed's
    return Round(
        breaks=(_outage(chance),) if seed % _DATABASE_EACH == 2 else _of_racks(chance),
        machines=tuple(chance.sample(machines, len(machines))),
        slow={machine: round(chance.uniform(*SLOW_SECONDS), 1) for machine in machines},
        boot=None if seed % 2 else "pxe",
    )


def is_enough(met: Sequence[int], wanted: int) -> bool:
    """Tell whether so many orders met a break, by how many did in each round. NothingMet."""
    if sum(met) >= wanted:
        return True
    if len(met) >= MOST_IDLE and not any(met[-MOST_IDLE:]):
        raise NothingMet(f"in {MOST_IDLE} rounds no order met a break, in all {sum(met)} did")
    return False


def target_of(how: How, rack: str) -> str:
    """Name what such a break of a rack is done to, as `evenrack lab` does."""
    return {
        "rack killed": f"{rack}/rackd",
        "rack hung": f"{rack}/rackd",
        "rack cut": rack,
        "rack cut from the regions": f"{rack}:{MANAGEMENT}",
        "region process killed": f"manager of {rack}",
        "database killed": POSTGRES_HOST,
    }[how]


def _of_racks(chance: Random) -> tuple[Break, ...]:
    kinds = [chance.choice(of_kind) for of_kind in chance.sample(_OF_RACKS, len(_OF_RACKS))]
    return tuple(
        Break(how=how, after=_after(chance), seconds=chance.uniform(*_how_long(chance, how)))
        for how in kinds
    )


def _how_long(chance: Random, how: How) -> tuple[float, float]:
    lengths = (SHORT_SECONDS, NOTICED_SECONDS, LASTING_SECONDS)
    return chance.choice(lengths if how in LOSSES else lengths[:2])


def _outage(chance: Random) -> Break:
    seconds = chance.uniform(*OUTAGE_SECONDS)
    return Break(how="database killed", after=_after(chance), seconds=seconds)


def _after(chance: Random) -> float:
    return chance.uniform(0, LONGEST_AFTER)
