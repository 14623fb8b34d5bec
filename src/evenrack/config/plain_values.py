"""One plain value from a file to one typed value; ValueError with a sentence for all others.

Strict: YAML has numbers, texts and true or false, so nothing is converted from one to the other.
"""

import math
from pathlib import Path
from typing import Any, NewType

from evenrack.config.quoting import holds_password, quoted, wrong_kind
from evenrack.model.host_port import HostPort, parse_host_port

TextOrNone = NewType("TextOrNone", str)
"""A text that may be empty."""

_NEVER_TEXT = (type(None), list, dict)
"""What quotes would not help; a number or a date becomes text by them."""


def as_boolean(value: Any) -> bool:
    """Take true or false."""
    if isinstance(value, bool):
        return value
    raise wrong_kind(value, "true or false")


def as_integer(value: Any) -> int:
    """Take a whole number; true is none, though Python thinks so."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        raise wrong_kind(value, "a whole number, without a point,")
    raise wrong_kind(value, "a whole number")


def as_float(value: Any) -> float:
    """Take a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_kind(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("is not a finite number")
    return number


def as_float_or_off(value: Any) -> float | None:
    """Take a finite number, or None for `off`, which YAML takes for false."""
    if value is False or value == "off":
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_kind(value, "a number, or off,")
    return as_float(value)


def as_text(value: Any) -> str:
    """Take a text of one line that can be shown."""
    if not isinstance(value, str):
        raise wrong_kind(value, "text" if isinstance(value, _NEVER_TEXT) else "text, in quotes,")
    if holds_password(value):
        raise ValueError("seems to hold a password, so it is not shown; none belongs here")
    if not value.isprintable():
        raise ValueError(f"{quoted(value)} has a line break or another character without a shape")
    if not value.strip():
        raise ValueError("is empty")
    return value


def as_text_or_none(value: Any) -> TextOrNone:
    """Take a text of one line that can be shown, or an empty one."""
    return TextOrNone("" if value == "" else as_text(value))


def as_hidden_text(value: Any) -> str:
    """Take a text that may be secret: no sentence repeats any of it."""
    if not isinstance(value, str):
        raise wrong_kind(value, "text")
    if not value.strip():
        raise ValueError("is empty")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("has a character that cannot be sent")
    return value


def as_path(value: Any) -> Path:
    """Take an absolute path: a daemon's working folder is not the operator's."""
    text = as_text(value)
    if not text.startswith("/"):
        raise ValueError(f"{quoted(text)} is not an absolute path")
    return Path(text)


def as_host_port(value: Any) -> HostPort:
    """Take `host:port` or `[v6]:port`."""
    return parse_host_port(as_text(value))
