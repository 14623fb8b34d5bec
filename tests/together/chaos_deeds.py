"""What a course of chaos does to the lab, drawn from a seed: pure.

The kinds of deeds are dealt like cards: none comes again before every other one has come.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Literal

from attrs import frozen

from evenrack.lab.fleet import DHCP_HOLD_DOWN_SECONDS, Fleet
from evenrack.lab.network.plan import POSTGRES_HOST

Act = Literal["kill", "hang", "cut", "restart"]
Part = Literal["region process", "region host", "rack daemon", "rack host", "database"]
Places = Mapping[Part, Sequence[str]]
"""The targets of each kind of part, as `evenrack lab` names them."""

_ACTS: Mapping[Part, tuple[Act, ...]] = {
    "region process": ("kill", "hang", "restart"),
    "region host": ("kill", "hang", "cut", "restart"),
    "rack daemon": ("kill", "hang", "restart"),
    "rack host": ("kill", "hang", "cut", "restart"),
    "database": ("kill", "hang", "cut", "restart"),
}
KINDS = tuple((act, part) for part, acts in _ACTS.items() for act in acts)

USUAL_SEED = 2
"""Its first minute has outages of every kind of part, racks among them."""
UNNOTICED_SECONDS = (0.3, 2.5)
"""Over before 3 s of silence end a link."""
NOTICED_SECONDS = (4.0, 7.0)
"""Links end, and what is back is connected again well within the hold-down."""
LASTING_SECONDS = (DHCP_HOLD_DOWN_SECONDS + 2, DHCP_HOLD_DOWN_SECONDS + 4)
"""A rack's roles may move."""
_ONE_IN_SO_MANY_LASTS = 12
_MOST_SECONDS_BETWEEN = 1.5


@frozen(kw_only=True)
class Deed:
    """One thing that is broken, and put right again."""

    act: Act
    part: Part
    target: str
    after: float
    """Seconds since its step began."""
    seconds: float
    """How long it stays broken; a restart ends by itself."""

    @property
    def host(self) -> str:
        return host_of(self.target)

    def __str__(self) -> str:
        return f"{self.act} {self.target}" + (f" for {self.seconds:.1f} s" if self.seconds else "")


@frozen(kw_only=True)
class Step:
    """One deed, or two on different hosts that may overlap; then the fleet has to settle."""

    deeds: tuple[Deed, ...]

    def __str__(self) -> str:
        return " and ".join(str(deed) for deed in self.deeds)


def places_of(fleet: Fleet) -> Places:
    """Name all that may be broken in a lab."""
    return {
        "region process": [process.name for process in fleet.processes],
        "region host": list(dict.fromkeys(process.region for process in fleet.processes)),
        "rack daemon": [rack.name for rack in fleet.racks],
        "rack host": [rack.rack for rack in fleet.racks],
        "database": [POSTGRES_HOST],
    }


def host_of(program: str) -> str:
    """Name the host of a program, or of a host itself."""
    return program.partition("/")[0]


def course(seed: int, places: Places) -> Iterator[Step]:
    """Give step after step for ever; the same ones for the same seed and places."""
    chance = Random(seed)  # noqa: S311  the chance of a test is its seed's
    deck: list[tuple[Act, Part]] = []
    while True:
        yield Step(deeds=tuple(_deal(chance, deck, places, most=chance.choice((1, 2)))))


def timeline(step: Step) -> list[tuple[float, Literal["begin", "end"], Deed]]:
    """Say when each deed of a step begins and ends, in order, in seconds since the step began."""
    moments: list[tuple[float, Literal["begin", "end"], Deed]] = []
    for deed in step.deeds:
        moments.append((deed.after, "begin", deed))
        if deed.act != "restart":
            moments.append((deed.after + deed.seconds, "end", deed))
    return sorted(moments, key=lambda moment: moment[0])


def _deal(
    chance: Random, deck: list[tuple[Act, Part]], places: Places, *, most: int
) -> Iterator[Deed]:
    taken: list[str] = []
    for number in range(most):
        if not deck:
            deck.extend(chance.sample(KINDS, len(KINDS)))
        act, part = deck[-1]
        free = [place for place in places[part] if host_of(place) not in taken]
        if not free:
            return  # the card is for the next step
        deck.pop()
        target = chance.choice(free)
        taken.append(host_of(target))
        after = chance.uniform(0, _MOST_SECONDS_BETWEEN) if number else 0.0
        seconds = 0.0 if act == "restart" else _how_long(chance, part)
        yield Deed(act=act, part=part, target=target, after=after, seconds=seconds)


def _how_long(chance: Random, part: Part) -> float:
    if part in {"rack daemon", "rack host"} and not chance.randrange(_ONE_IN_SO_MANY_LASTS):
        return chance.uniform(*LASTING_SECONDS)
    return chance.uniform(*chance.choice((UNNOTICED_SECONDS, NOTICED_SECONDS)))
