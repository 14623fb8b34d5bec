"""What ranges settings have: validators for the fields of the settings classes.

A validator says ValueError with a sentence that names the value and what it may be.
"""

import re
from collections.abc import Callable
from typing import Any

from attrs import Attribute

from evenrack.config.quoting import quoted

LONGEST_WAIT_SECONDS = 3600.0
SHORTEST_WAIT_SECONDS = 0.001
"""Below a millisecond a loop would do nothing but turn."""

Validator = Callable[[Any, "Attribute[Any]", Any], None]

_LARGEST_SHOWN = 10**12
_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")


def between(lowest: float, highest: float, unit: str = "", *, reason: str = "") -> Validator:
    """Make a validator for a number from `lowest` to `highest`, both allowed."""
    allowed = f"{lowest:g} to {highest:g}{' ' if unit else ''}{unit}"

    def check(_: Any, __: "Attribute[Any]", value: float) -> None:
        if not lowest <= value <= highest:
            shown = f"{value}" if abs(value) < _LARGEST_SHOWN else "this number"
            raise ValueError(f"{shown} is not {allowed}{'; ' if reason else ''}{reason}")

    return check


interval = between(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, "seconds")
"""A time between two looks or two beats: more than nothing."""

wait = between(0, LONGEST_WAIT_SECONDS, "seconds")
"""A time to wait first; 0 means at once."""


def unless_off(check: Validator) -> Validator:
    """Make a validator that lets None be: what it stands for is off."""

    def check_what_is_on(settings: Any, attribute: "Attribute[Any]", value: Any) -> None:
        if value is not None:
            check(settings, attribute, value)

    return check_what_is_on


def controller_name(_: Any, __: "Attribute[Any]", value: str) -> None:
    """Check the name of a region host or a rack."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is no name: 1 to 63 letters, digits, dots, hyphens, underscores"
        )
