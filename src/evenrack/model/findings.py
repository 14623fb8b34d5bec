"""What is wrong with the inventory, and of which fields of which objects that depends."""

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Literal, TypeVar

from attrs import frozen

from evenrack.model.network import Range, Reservation, Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6

Noun = Literal["vlan", "subnet", "range", "reservation"]

AnyObject = Vlan | Subnet | Subnet6 | Range | Range6 | Reservation | Reservation6

MOST_SHOWN = 40

Object = TypeVar("Object")


@frozen(kw_only=True)
class Place:
    """One field of one object."""

    noun: Noun
    id: int
    field: str


@frozen(kw_only=True)
class Finding:
    """One thing that is wrong."""

    sentence: str
    """Names the object and the cure."""
    places: tuple[Place, ...]
    """Every field that it depends on: a change of any of them may cause or mend it."""

    def field_of(self, noun: Noun, number: int) -> str | None:
        """Name the field of this object that it depends on; None when it is not about it."""
        for place in self.places:
            if (place.noun, place.id) == (noun, number):
                return place.field
        return None


def place_of(noun: Noun, it: AnyObject, field: str) -> Place:
    """Name one field of an object."""
    return Place(noun=noun, id=it.id, field=field)


def found(sentence: str, *places: Place) -> Finding:
    """Say what is wrong, and on which fields that depends."""
    return Finding(sentence=sentence, places=places)


def shown(text: str) -> str:
    """Quote a text from outside, which may hold anything, for a sentence."""
    return json.dumps(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}...")


def alike(
    objects: Iterable[Object], key: Callable[[Object], Hashable]
) -> Iterator[tuple[Object, Object]]:
    """Give pairs of objects with one key, each with the one before it."""
    groups: defaultdict[Hashable, list[Object]] = defaultdict(list)
    for each in objects:
        groups[key(each)].append(each)
    for group in groups.values():
        yield from pairwise(group)
