"""Reads the JSON of a request: bounded, exact, and with every problem told at once."""

import json
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from types import MappingProxyType
from typing import Any

from evenrack.model import csv_lines
from evenrack.model.findings import shown
from evenrack.region.http.fields import Read, kind_of
from evenrack.region.http.json_pages import HttpProblem, IdentifiedRequest, Query
from evenrack.region.http.object_pages import bad_request

MOST_BYTES = 1 << 20
MOST_ERRORS = 100
"""Problems in one answer; a change may break the rules in any number of places."""

MOST_UNKNOWN = 50
"""Unknown fields in one answer: what they may have meant takes time to find out."""

MOST_NAME_CHARACTERS = 100
"""What is shown of a field's name; none that is known is longer."""

MADE_HERE = frozenset({"id", "generation"})
"""Keys of an answer that nobody can set."""


LARGE_BODIES: Mapping[bytes, int] = MappingProxyType(
    {
        b"/api/v1/" + noun + b"/import": csv_lines.MOST_BYTES
        for noun in (b"reservations", b"bmcs", b"machines")
    }
)
"""Addresses whose bodies may be larger, and how large."""

MOST_LARGE_AT_ONCE = 2
"""Large bodies under way: they are kept before anybody knows who sends them."""

_TOO_MANY_LARGE = HttpProblem(
    status=429,
    code="TooManyRequests",
    title="Too many large requests at once; nothing was changed",
    detail=f"{MOST_LARGE_AT_ONCE} others are under way; try again in 5 s",
    headers={"Retry-After": "5"},
)


class BoundedRequest(IdentifiedRequest):
    """A request that keeps no more of its body than is needed to see that it is too large."""

    _most_bytes = MOST_BYTES
    _is_large = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  Twisted calls it so
        if self.content is None:
            return
        if self.content.tell() + len(data) > MOST_BYTES and not self._is_large:
            self._is_large = True
            self._make_room()
        if self.content.tell() <= self._most_bytes:
            super().handleContentChunk(data)

    def _make_room(self) -> None:
        """Let more of it in, where that is meant and not too many others do the same."""
        channel: Any = self.channel  # ours, of which Twisted knows only what all have
        most = LARGE_BODIES.get(channel.asked_path)
        if most is None:
            return
        site = channel.site
        if site.large_bodies >= MOST_LARGE_AT_ONCE:
            self.refused = _TOO_MANY_LARGE
            return
        self._most_bytes = most
        site.large_bodies += 1

        def over(_: object) -> None:
            site.large_bodies -= 1

        self.notifyFinish().addBoth(over)


def check_file(query: Query, content_type: str, most_bytes: int) -> None:
    """See that a body is a file of this kind; HttpProblem 413 or 415 otherwise."""
    if len(query.body) > most_bytes:
        raise _too_large(most_bytes)
    if query.content_type != content_type:
        raise HttpProblem(
            status=415,
            code="NotAsDeclared",
            title=f"The request is not {content_type}",
            detail=f"send it with the header Content-Type: {content_type}; nothing was changed",
        )


def read_object(query: Query) -> dict[str, Any]:
    """Read a request's body as one JSON object; HttpProblem 400, 413 or 415 otherwise."""
    if len(query.body) > MOST_BYTES:
        raise _too_large(MOST_BYTES)
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
        raise bad_request(f"the body is not understood as JSON: {problem}") from None
    if not isinstance(body, dict):
        raise bad_request(f"the body must be an object, not {kind_of(body)}")
    return body


def read_fields(
    body: Mapping[str, Any], fields: Mapping[str, Read], *, required: Collection[str] = ()
) -> dict[str, Any]:
    """Read every field of a body; HttpProblem 422 with all that is wrong."""
    unknown = islice((key for key in body if key not in fields), MOST_UNKNOWN)
    errors = [(key, _unknown(key, fields)) for key in unknown]
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
        more={
            "errors": [
                {"field": each[:MOST_NAME_CHARACTERS], "detail": sentence}
                for each, sentence in told[:MOST_ERRORS]
            ]
        },
    )


# How problems are told


def _too_large(most: int) -> HttpProblem:
    return HttpProblem(
        status=413,
        code="BodyTooLarge",
        title="The request is too large",
        detail=f"a body has at most {most} bytes here; nothing was changed",
    )


def _unknown(key: str, fields: Mapping[str, Read]) -> str:
    if key in MADE_HERE:
        return "cannot be set; leave it out"
    alike = get_close_matches(key[:MOST_NAME_CHARACTERS], list(fields), n=1)
    known = f"did you mean {alike[0]}?" if alike else f"known are {', '.join(fields)}"
    return f"unknown; {known}"


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} is given twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
