"""What differs between two readings of the same rows."""

from collections.abc import Mapping
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
