"""How a problem repeats what a file says: short, on one line, and never a password."""

import json
import re
from typing import Any

LONGEST_SHOWN = 80

_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "empty"),
    (bool, "a yes or no"),  # before numbers: Python takes it for one
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a section of settings"),
)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_PASSWORD = re.compile(r"pass\w*\s*[=:]|secret\w*\s*[=:]|://[^/]*:[^/]*@", re.IGNORECASE)


def holds_password(text: str) -> bool:
    """Tell whether a text looks like a connection string with a password in it."""
    return _PASSWORD.search(text) is not None


def quoted(text: str) -> str:
    """Quote a text in ASCII: no line break, no control sequence, no password, not too long."""
    if holds_password(text):
        return "(not shown: it may hold a password)"
    return json.dumps(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def shown_key(key: Any) -> str:
    """Show a setting's name as it is in the file, quoted where that helps."""
    if not isinstance(key, str):
        return f"({kind_of(key)} as a name)"
    return key if _PLAIN_KEY.fullmatch(key) else quoted(key)


def kind_of(value: Any) -> str:
    """Say what YAML made of a value, in an operator's words; the value itself is not shown."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a date")


def wrong_kind(value: Any, needed: str) -> ValueError:
    """Make the error for a value of another kind than the one that is needed."""
    return ValueError(f"is {kind_of(value)}; {needed} is needed")
