"""What rackd and the program that listens for it say to each other: lines of JSON. Pure."""

import json
from ipaddress import IPv4Address
from typing import Any, Final

from attrs import field, frozen

from evenrack.model.json_form import from_json, to_json

MOST_LINE_BYTES: Final = 1024 * 1024
"""Names of over 50,000 interfaces."""

MOST_ERROR_CHARACTERS: Final = 300


def _beginning(text: str) -> str:
    return text[:MOST_ERROR_CHARACTERS]


@frozen(kw_only=True)
class Order:
    """What rackd wants from now on."""

    interfaces: tuple[str, ...] = ()
    probe_seconds: float = 0.0
    """How often each of them is asked who serves it; 0 for never."""


@frozen(kw_only=True)
class Told:
    """What the program tells of one interface: a server that it heard there, or how it is itself.

    Without a server: that it listens, or with `error` why it does not.
    """

    interface: str
    server: IPv4Address | None = None
    mac: str | None = None
    error: str = field(default="", converter=_beginning)


def as_line(words: Order | Told) -> bytes:
    """Write it, with the end of its line."""
    return json.dumps(to_json(words)).encode() + b"\n"


def order_from_line(line: bytes) -> Order:
    """Read what rackd wants; ValueError when it is nothing of the kind."""
    return from_json(_form(line), Order)


def told_from_line(line: bytes) -> Told:
    """Read what the program tells; ValueError when it is nothing of the kind."""
    return from_json(_form(line), Told)


def _form(line: bytes) -> Any:
    try:
        return json.loads(line)
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem
