"""What `evenrack balance solve` reads: a state as JSON, checked to the last key."""

import json
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, NoReturn, TypeGuard, TypeVar, get_args

from attrs import frozen

from evenrack.balance.pair_values import PairRack, PairVlan, Role
from evenrack.balance.policy import SpreadPolicy
from evenrack.balance.spread_values import Bin, Item
from evenrack.model.identifiers import RackId

ThingT = TypeVar("ThingT")
LEAST_GAP = 2
MOST_SHOWN = 40


class StateRefused(ValueError):
    """The file is malformed or contradicts itself; the message is one line that says where."""


@frozen(kw_only=True)
class SpreadState:
    """Bins and items, with the band in which nothing moves."""

    policy: SpreadPolicy
    bins: tuple[Bin, ...]
    items: tuple[Item, ...]


@frozen(kw_only=True)
class PairState:
    """Racks that live, and VLANs."""

    racks: tuple[PairRack, ...]
    vlans: tuple[PairVlan, ...]


def read_state(text: str) -> SpreadState | PairState:
    """Read a state; StateRefused when anything in it is wrong, missing, unknown or contradictory.

    What a reach, an owner or a role names need not be in the list: it is dead.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise StateRefused("the file is nested too deeply") from None
    except ValueError as problem:
        raise StateRefused(f"the file is no JSON: {problem}") from None
    state = _Thing(content, "the file")
    kind = state.text("kind")
    if kind == "spread":
        return _spread(state)
    if kind == "pairs":
        return _pairs(state)
    raise StateRefused(f'kind: it must be "spread" or "pairs", not {_shown(kind)}')


def _spread(state: "_Thing") -> SpreadState:
    policy = SpreadPolicy(theta=state.share("theta"), gap=state.whole("gap", least=LEAST_GAP))
    bins = _each(state, "bins", _bin)
    _check_once("bins", (b.id for b in bins))
    known: set[str | None] = {b.id for b in bins}
    items = _each(state, "items", lambda thing: _item(thing, known))
    _check_once("items", (item.id for item in items))
    state.end()
    return SpreadState(policy=policy, bins=bins, items=items)


def _bin(thing: "_Thing") -> Bin:
    found = Bin(
        id=thing.text("id"),
        host=thing.text("host", default=""),
        capacity=thing.whole("capacity", least=0, most=1, default=1),
    )
    thing.end()
    return found


def _item(thing: "_Thing", bins: Container[str | None]) -> Item:
    found = Item(id=thing.text("id"), reach=thing.texts("reach"), owner=thing.text_or_null("owner"))
    thing.end()
    if found.owner in bins and found.owner not in found.reach:
        thing.refuse("owner", f"{_shown(found.owner)} is not in the reach of {_shown(found.id)}")
    return found


def _pairs(state: "_Thing") -> PairState:
    racks = _each(state, "racks", _rack)
    _check_once("racks", (rack.id for rack in racks))
    known: set[RackId | None] = {rack.id for rack in racks}
    vlans = _each(state, "vlans", lambda thing: _vlan(thing, known))
    _check_once("vlans", (vlan.id for vlan in vlans))
    state.end()
    return PairState(racks=racks, vlans=vlans)


def _rack(thing: "_Thing") -> PairRack:
    found = PairRack(id=RackId(thing.text("id")), domain=thing.text_or_null("domain") or "")
    thing.end()
    return found


def _vlan(thing: "_Thing", racks: Container[RackId | None]) -> PairVlan:
    primary, secondary = (thing.text_or_null(role) for role in get_args(Role))
    pinned = thing.texts("pinned", default=())
    found = PairVlan(
        id=thing.text("id"),
        attached=tuple(RackId(rack) for rack in thing.texts("attached")),
        primary=None if primary is None else RackId(primary),
        secondary=None if secondary is None else RackId(secondary),
        pinned=frozenset(role for role in get_args(Role) if role in pinned),
    )
    thing.end()
    for word in pinned:
        if word not in get_args(Role):
            thing.refuse("pinned", f'a role is "primary" or "secondary", not {_shown(word)}')
    if found.primary is not None and found.primary == found.secondary:
        thing.refuse("secondary", f"{_shown(primary)} is the primary as well")
    for role, rack in (("primary", found.primary), ("secondary", found.secondary)):
        if rack in racks and rack not in found.attached:
            thing.refuse(role, f"{_shown(rack)} is not attached to {_shown(found.id)}")
        if rack is None and role in found.pinned:
            thing.refuse("pinned", f"the {role} is pinned, but there is none")
    return found


class _Thing:
    """One JSON object whose keys are taken one by one."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise StateRefused(f"{where}: it must be an object, not {_shown(content)}")
        self._left = dict(content)
        self._where = where

    def refuse(self, key: str, why: str) -> NoReturn:
        raise StateRefused(f"{self._where}: {key}: {why}")

    def end(self) -> None:
        """Refuse what nobody asked for."""
        for key in self._left:
            raise StateRefused(f"{self._where}: unknown key {_shown(key)}")

    def list_of(self, key: str) -> list[Any]:
        found = self._take(key)
        if not isinstance(found, list):
            self.refuse(key, f"it must be a list, not {_shown(found)}")
        return found

    def text(self, key: str, *, default: str | None = None) -> str:
        found = self._take(key, default)
        if not _is_text(found) or (not found and default is None):
            self.refuse(key, f"it must be a text, not {_shown(found)}")
        return found

    def text_or_null(self, key: str) -> str | None:
        found = self._left.pop(key, None)
        if found is not None and not _is_text(found):
            self.refuse(key, f"it must be a text or null, not {_shown(found)}")
        return found

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        if default is not None and key not in self._left:
            return default
        found = self.list_of(key)
        for each in found:
            if not _is_text(each):
                self.refuse(key, f"it must be a list of texts, not of {_shown(each)}")
        return tuple(found)

    def whole(
        self, key: str, *, least: int, most: int | None = None, default: int | None = None
    ) -> int:
        found = self._take(key, default)
        if not isinstance(found, int) or isinstance(found, bool):
            self.refuse(key, f"it must be a whole number, not {_shown(found)}")
        if found < least or (most is not None and found > most):
            allowed = f"at least {least}" if most is None else f"from {least} to {most}"
            self.refuse(key, f"it must be {allowed}, not {_shown(found)}")
        return found

    def share(self, key: str) -> float:
        found = self._take(key)
        if not isinstance(found, int | float) or isinstance(found, bool):
            self.refuse(key, f"it must be a number, not {_shown(found)}")
        if not 0 <= found <= 1:
            self.refuse(key, f"it must be from 0 to 1, not {_shown(found)}")
        return float(found)

    def _take(self, key: str, default: Any = None) -> Any:
        found = self._left.pop(key, default)
        if found is None:
            self.refuse(key, "it is missing")
        return found


def _is_text(value: object) -> TypeGuard[str]:
    """Tell whether it is a text, of characters that can be written again."""
    if not isinstance(value, str):
        return False
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)


def _each(state: _Thing, key: str, read: Callable[[_Thing], ThingT]) -> tuple[ThingT, ...]:
    return tuple(
        read(_Thing(content, f"{key}[{number}]"))
        for number, content in enumerate(state.list_of(key))
    )


def _check_once(key: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, each in enumerate(ids):
        if each in seen:
            raise StateRefused(f"{key}[{number}]: id: {_shown(each)} is there twice")
        seen.add(each)


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise StateRefused(f"the key {_shown(twice)} is there twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise StateRefused(f"{word} is no number of JSON")


def _shown(value: object) -> str:
    """Show a value from the file in few characters, whatever it is."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} .."
