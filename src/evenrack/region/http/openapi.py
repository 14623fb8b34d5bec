"""The OpenAPI 3.1 document of the API, made from the pages that answer: no page can be left out."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, cast

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.model.fleet_number import MOST_DIGITS
from evenrack.region.database.request_keys import KEPT_HOURS
from evenrack.region.http.access import READING, WATCH, Access
from evenrack.region.http.fields import Field, Schema
from evenrack.region.http.json_pages import DOCUMENTATION, JsonPage, Query
from evenrack.region.http.object_pages import REQUEST_KEY
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.request_body import MOST_BYTES
from evenrack.region.http.shapes import ANYTHING, GENERATION, TEXT, object_of, rows_of

JSON = "application/json"
PROBLEM = "application/problem+json"

_DOCUMENT = Operation(summary="Show this document", answer=ANYTHING)

_UNDECLARED = Operation(summary="", answer={}, ignores_other_arguments=True)

_PROBLEM = object_of(
    type={"type": "string", "pattern": f"^{DOCUMENTATION}"},
    title=TEXT,
    status={"type": "integer"},
    detail=TEXT,
    code=TEXT,
)

_FIELDS_REFUSED = {
    "allOf": [
        {"$ref": "#/components/schemas/Problem"},
        object_of(errors=rows_of(object_of(field=TEXT, detail=TEXT))),
    ]
}

_MEANINGS: Mapping[int, str] = {
    400: "the request was not understood",
    401: "over TCP a good token is needed",
    403: "the role of the token is not enough",
    404: "there is no such object",
    409: "this cannot be done as things are now; nothing was changed",
    412: "the object is not as it was seen, and is shown as it is; nothing was changed",
    413: f"a body has at most {MOST_BYTES} bytes",
    415: "the request is not JSON",
    422: "this is not possible, or its key came with another request; nothing was changed",
    429: "too many requests: `Retry-After` says when to try again",
    503: "PostgreSQL, or what else it needs, cannot be reached; nothing was changed",
    504: "the change may have been done or not: look before it is repeated",
}

_HEADERS: Mapping[str, tuple[str, Schema]] = {
    "ETag": (
        "the object's generation in quotes, for If-Match",
        {"type": "string", "pattern": f'^"{GENERATION["pattern"].strip("^$")}"$'},
    ),
    "Location": ("the address of what was made", {"type": "string", "pattern": "^/api/v1/"}),
}


@frozen(kw_only=True)
class _Place:
    """A page, and what its address looks like."""

    path: str
    parameters: tuple[tuple[str, str], ...]
    """Parts of the path that may be any: name and meaning."""
    page: JsonPage


def openapi_page(root: Resource) -> DeclaredPage:
    """Make the page that shows the document of all that is below `root`, itself included."""

    async def answer(_query: Query, _asked: Asked) -> Mapping[str, Any]:
        return openapi_of(root)

    return DeclaredPage({"GET": Declared(operation=_DOCUMENT, answer=answer)}, access=WATCH)


def openapi_of(root: Resource) -> dict[str, Any]:
    """Describe every page below `root`."""
    places = sorted(_places(root, "", ()), key=lambda place: place.path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "evenrack",
            "version": version("evenrack"),
            "description": "Over the unix socket of a process nobody needs a token. "
            "HEAD is answered wherever GET is.",
        },
        "servers": [{"url": "/"}],
        "paths": {place.path: _path(place) for place in places},
        "components": {
            "schemas": {"Problem": _PROBLEM, "FieldsRefused": _FIELDS_REFUSED},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def undeclared_in(root: Resource) -> set[str]:
    """Give the addresses of pages that do not say what they take and answer."""
    return {
        place.path for place in _places(root, "", ()) if not isinstance(place.page, DeclaredPage)
    }


def _places(page: Resource, path: str, parameters: tuple[tuple[str, str], ...]) -> Iterator[_Place]:
    if isinstance(page, JsonPage):
        yield _Place(path=path, parameters=parameters, page=page)
        if page.each is not None:
            one = f"name{len(parameters) + 1}" if parameters else "name"
            meaning = page.each_is if isinstance(page, DeclaredPage) else ""
            below = (*parameters, (one, meaning))
            yield from _places(page.each("x"), f"{path}/{{{one}}}", below)
    for part, child in cast("Mapping[bytes, Resource]", page.children).items():
        yield from _places(child, f"{path}/{part.decode()}", parameters)


def _path(place: _Place) -> dict[str, Any]:
    operations: Mapping[str, Operation] = (
        place.page.operations
        if isinstance(place.page, DeclaredPage)
        else {method: _UNDECLARED for method in place.page.methods if method != "HEAD"}
    )
    described = {
        method.lower(): _operation(place, method, operation)
        for method, operation in operations.items()
    }
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": meaning,
            "schema": {"type": "string", "minLength": 1},
        }
        for name, meaning in place.parameters
    ]
    return {**({"parameters": parameters} if parameters else {}), **described}


def _operation(place: _Place, method: str, operation: Operation) -> dict[str, Any]:
    access = cast("Access", place.page.access)
    role = access.needed(method)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _name_of(place.path, method),
        "description": "Everybody may ask." if role is None else f"Needs the role {role}.",
        "security": [] if role is None else [{"token": []}],
        "responses": _responses(place, method, operation),
    }
    parameters = [
        *_arguments(operation),
        *([_IF_MATCH] if operation.is_conditional else []),
        *([_KEY] if method not in READING else []),
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": _body(operation.body)}},
        }
    if operation.file is not None:
        described["requestBody"] = {
            "required": True,
            "content": {operation.file.content_type: {"schema": TEXT}},
        }
    return described


def _name_of(path: str, method: str) -> str:
    """Give a name that stays: method and path, as in `patch_vlans_name`."""
    parts = path.removeprefix("/api/v1").replace("{", "").replace("}", "").strip("/")
    return "_".join([method.lower(), *parts.replace("-", "_").replace(".", "_").split("/")])


def _arguments(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, each in operation.arguments.items():
        needed = {"required": True} if each.required else {}
        told = {"description": each.description, "schema": each.schema}
        yield {"name": name, "in": "query", **told, **needed}


_ANY_GENERATION = f"[0-9]{{1,{MOST_DIGITS}}}[.][0-9]{{1,{MOST_DIGITS}}}"

_IF_MATCH: Mapping[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "description": "the generation of the object that was seen, as in ETag; * for any",
    "schema": {
        "type": "string",
        "anyOf": [
            {"const": "*"},
            {"pattern": f'^"{_ANY_GENERATION}"$'},
            {"pattern": f"^{_ANY_GENERATION}$"},
        ],
    },
}


_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same request with the same key is done once, and answered as it was; one "
    f"that was refused keeps no key, and keys are forgotten after {KEPT_HOURS} h",
    "schema": {"type": "string", "pattern": f"^{REQUEST_KEY.pattern}$"},
}


def _body(body: Body) -> Schema:
    return {
        "type": "object",
        "properties": {
            name: read.schema if isinstance(read, Field) else {}
            for name, read in body.fields.items()
        },
        "required": list(body.required),
        "additionalProperties": False,
    }


def _responses(place: _Place, method: str, operation: Operation) -> dict[str, Any]:
    headers = {
        name: {"description": _HEADERS[name][0], "required": True, "schema": _HEADERS[name][1]}
        for name in operation.headers
    }
    well: dict[str, Any] = {
        "description": "it went well",
        **({"headers": headers} if headers else {}),
        "content": {JSON: {"schema": operation.answer}},
    }
    if operation is _UNDECLARED:
        return {"default": {"description": "not described", "content": {JSON: {}, PROBLEM: {}}}}
    problems = {
        str(status): {
            "description": _meaning(status, operation),
            "content": {PROBLEM: {"schema": _problem_schema(status, operation)}},
        }
        for status in sorted(_statuses(place, method, operation))
    }
    return {str(operation.status): well, **problems}


def _meaning(status: int, operation: Operation) -> str:
    if operation.file is not None and status == 413:  # noqa: PLR2004  as HTTP counts
        return f"the file has at most {operation.file.most_bytes} bytes"
    if operation.file is not None and status == 415:  # noqa: PLR2004  as HTTP counts
        return f"the request is not {operation.file.content_type}"
    return _MEANINGS[status]


def _statuses(place: _Place, method: str, operation: Operation) -> set[int]:
    """Give what may be answered when it does not go well."""
    access = cast("Access", place.page.access)
    found = {400, 429, 503, *operation.problems}
    if access.needed(method) is not None:
        found |= {401, 403}
    if place.parameters:
        found |= {404}
    if method not in READING:
        found |= {422, 504}
    if operation.is_answered_secret:
        found |= {409}
    if operation.body is not None or operation.file is not None:
        found |= {413, 415, 422}
    if operation.is_conditional:
        found |= {412}
    return found


def _problem_schema(status: int, operation: Operation) -> Schema:
    if status == 422:  # noqa: PLR2004  as HTTP counts
        return {"$ref": "#/components/schemas/FieldsRefused"}
    problem = {"$ref": "#/components/schemas/Problem"}
    if status == 412:  # noqa: PLR2004  as HTTP counts
        return {"allOf": [problem, object_of(present=operation.answer)]}
    return problem
