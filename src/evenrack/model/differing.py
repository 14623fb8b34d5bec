"""What differs between two readings of the same rows."""

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, TypeVar

_MISSING: Any = object()

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


def differing(before: Mapping[KeyT, ValueT], after: Mapping[KeyT, ValueT]) -> list[KeyT]:
    """Give the keys that are new, gone, or have another object as their value.

    Rows that did not change are the same objects in both (`fleet_cache`), so that nothing is
    compared; where nothing changed at all, nothing is looked at.
    """
    if before is after:
        return []
    old = before.get
    changed = [key for key, value in after.items() if old(key, _MISSING) is not value]
    return changed + [key for key in before if key not in after]


def unlike(
    before: Sequence[ValueT], after: Sequence[ValueT]
) -> tuple[Sequence[ValueT], Sequence[ValueT]]:
    """Leave out the same objects at both ends: nearly all, where one of very many changed."""
    begin = _alike(before, after)
    before, after = before[begin:], after[begin:]
    end = _alike(before[::-1], after[::-1])
    return before[: len(before) - end], after[: len(after) - end]


def _alike(one: Sequence[ValueT], other: Sequence[ValueT]) -> int:
    """Count the objects with which both begin."""
    return [*map(is_, one, other), False].index(False)
