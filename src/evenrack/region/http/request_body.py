"""Reads the JSON of a request: bounded, exact, and with every problem told at once."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Any

from evenrack.model.network_rules import mac_from_text, shown
from evenrack.region.http.json_pages import HttpProblem, IdentifiedRequest, Query

MOST_BYTES = 1 << 20
MOST_ERRORS = 100
"""Problems in one answer; a change may break the rules in any number of places."""

MADE_HERE = frozenset({"id", "generation"})
"""Keys of an answer that nobody can set."""

Read = Callable[[Any], Any]
"""From the plain JSON value to the typed one; ValueError says what is wrong, without the field."""


class BoundedRequest(IdentifiedRequest):
    """A request that keeps no more of its body than is needed to see that it is too large."""

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  Twisted calls it so
        if self.content is not None and self.content.tell() <= MOST_BYTES:
            super().handleContentChunk(data)


def read_object(query: Query) -> dict[str, Any]:
    """Read a request's body as one JSON object; HttpProblem 400, 413 or 415 otherwise."""
    if len(query.body) > MOST_BYTES:
        raise HttpProblem(
            status=413,
            code="BodyTooLarge",
            title="The request is too large",
            detail=f"a body has at most {MOST_BYTES} bytes; nothing was changed",
        )
    if query.content_type != "application/json":
        # no other kind: what a page in somebody's browser may send without being asked is refused
        raise HttpProblem(
            status=415,
            code="NotJson",
            title="The request is not JSON",
            detail="send JSON with the header Content-Type: application/json",
        )
    try:
        body = json.loads(
            query.body.decode(), object_pairs_hook=_each_key_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as problem:
        raise _bad_request(f"the body is not understood as JSON: {problem}") from None
    if not isinstance(body, dict):
        raise _bad_request(f"the body must be an object, not {_kind(body)}")
    return body


def read_fields(
    body: Mapping[str, Any], fields: Mapping[str, Read], *, required: Collection[str] = ()
) -> dict[str, Any]:
    """Read every field of a body; HttpProblem 422 with all that is wrong."""
    errors = [(key, _unknown(key, fields)) for key in body if key not in fields]
    errors += [(key, "is required, and missing") for key in required if key not in body]
    values: dict[str, Any] = {}
    for key in fields:
        if key in body:
            try:
                values[key] = fields[key](body[key])
            except ValueError as problem:
                errors.append((key, str(problem)))
    if errors:
        raise fields_refused((field, f"{shown(field)}: {detail}") for field, detail in errors)
    return values


def fields_refused(errors: Iterable[tuple[str, str]]) -> HttpProblem:
    """Say what is wrong with which field (field, sentence)."""
    told = list(errors)
    detail = told[0][1] if len(told) == 1 else f"{len(told)} problems, see errors"
    return HttpProblem(
        status=422,
        code="FieldsRefused",
        title="The change is not possible; nothing was changed",
        detail=detail,
        more={"errors": [{"field": f, "detail": d} for f, d in told[:MOST_ERRORS]]},
    )


# Kinds of values


def text(value: Any) -> str:
    """Read a text that PostgreSQL can hold."""
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_kind(value)}")  # noqa: TRY004  one error type
    if "\0" in value:
        raise ValueError("must not hold the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not hold half of a surrogate pair") from None
    return value


def boolean(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")  # noqa: TRY004  as above
    return value


def whole_number(value: Any) -> int:
    """Read a whole number of any size."""
    if type(value) is not int:
        raise ValueError(f"must be a whole number, not {_kind(value)}")
    return value


def reference(value: Any) -> str | int:
    """Read the name or the id of another object."""
    if type(value) is int:
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be a name or an id, not {_kind(value)}")  # noqa: TRY004  as above
    return text(value)


def address(value: Any) -> IPv4Address:
    """Read an IPv4 address."""
    try:
        return IPv4Address(text(value))
    except ValueError as problem:
        raise ValueError(_not_this(value, problem, "an IPv4 address, as in 10.0.0.1")) from None


def network(value: Any) -> IPv4Network:
    """Read an IPv4 network with its prefix."""
    wanted = "an IPv4 network, as in 10.0.0.0/24"
    try:
        written = IPv4Network(text(value), strict=False)
    except ValueError as problem:
        raise ValueError(_not_this(value, problem, wanted)) from None
    if "/" not in value:
        raise ValueError(f"{shown(value)} has no prefix; give {wanted}")
    if str(written.network_address) != value.partition("/")[0]:
        raise ValueError(f"{shown(value)} is an address in a network; the network is {written}")
    return written


def mac(value: Any) -> str:
    """Read the address of a network card."""
    return mac_from_text(text(value))


def list_of(read: Read) -> Read:
    """Make the function that reads a list of these."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {_kind(value)}")  # noqa: TRY004  as above
        return tuple(read(each) for each in value)

    return read_list


def nullable(read: Read) -> Read:
    """Make the function that also takes null."""
    return lambda value: None if value is None else read(value)


# How problems are told


def _not_this(value: Any, problem: ValueError, wanted: str) -> str:
    return f"{shown(value)} is not {wanted}" if isinstance(value, str) else str(problem)


def _unknown(key: str, fields: Mapping[str, Read]) -> str:
    if key in MADE_HERE:
        return "cannot be set; leave it out"
    alike = get_close_matches(key, list(fields), n=1)
    known = f"did you mean {alike[0]}?" if alike else f"known are {', '.join(fields)}"
    return f"unknown; {known}"


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS[type(value)]


_KINDS: Mapping[type, str] = MappingProxyType(
    {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number with a fraction",
    }
)


def _bad_request(detail: str) -> HttpProblem:
    return HttpProblem(
        status=400, code="BadRequest", title="The request was not understood", detail=detail
    )


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
