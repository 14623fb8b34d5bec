"""Operations: what may be asked of an address by one method, and what is answered.

Each is declared once. Requests are read by the declaration before a page sees them, and the OpenAPI
document is made from it.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen
from twisted.web.resource import Resource

from evenrack.model.fleet_number import FleetNumber
from evenrack.region.http.access import Access
from evenrack.region.http.fields import Read, Schema
from evenrack.region.http.json_pages import JsonPage, Query
from evenrack.region.http.object_pages import (
    bad_request,
    condition_of,
    only_known,
    request_key_of,
)
from evenrack.region.http.repeating import Keyed
from evenrack.region.http.request_body import check_file, read_fields, read_object
from evenrack.region.request_marks import AskedRequest

LIST_LENGTH = 100


@frozen(kw_only=True)
class Argument:
    """One argument in the address, behind the question mark."""

    read: Callable[[Query, str], Any]
    """By its name; HttpProblem 400."""
    schema: Schema
    description: str = ""
    required: bool = False


def number_up_to(most: int, default: int | None = None, description: str = "") -> Argument:
    """Make the argument that is a whole number from 0 on."""
    told = {} if default is None else {"default": default}
    return Argument(
        read=lambda query, name: query.whole_number(name, default, most=most),
        schema={"type": "integer", "minimum": 0, "maximum": most, **told},
        description=description,
    )


def limit_up_to(most: int) -> Argument:
    """Make the argument that says how many are answered at most."""
    return number_up_to(most, LIST_LENGTH, "at most so many")


def any_text(description: str) -> Argument:
    """Make the argument that is a text; None when it is not given."""
    return Argument(
        read=lambda query, name: query.arguments.get(name),
        schema={"type": "string"},
        description=description,
    )


def needed_text(description: str) -> Argument:
    """Make the argument that is a text; HttpProblem 400 when it is not given."""

    def read(query: Query, name: str) -> str:
        given = query.arguments.get(name)
        if given is None:
            raise bad_request(f"{name}: {description} is needed")
        return given

    return Argument(read=read, schema={"type": "string"}, description=description, required=True)


def any_texts(description: str) -> Argument:
    """Make the argument that is given any number of times; a tuple of texts."""
    return Argument(
        read=lambda query, name: query.repeated.get(name, ()),
        schema={"type": "array", "items": {"type": "string"}},
        description=description,
    )


def yes_or_no(description: str) -> Argument:
    """Make the argument that is `true` or `false`; False when it is not given."""

    def read(query: Query, name: str) -> bool:
        given = query.arguments.get(name, "false")
        if given not in {"true", "false"}:
            raise bad_request(f"{name}: true or false is needed")
        return given == "true"

    return Argument(read=read, schema={"type": "boolean"}, description=description)


def text_read_by(read: Read, schema: Schema, description: str) -> Argument:
    """Make the argument that a function reads, ValueError says why not; None when not given."""

    def read_argument(query: Query, name: str) -> Any:
        given = query.arguments.get(name)
        try:
            return None if given is None else read(given)
        except ValueError as problem:
            raise bad_request(f"{name}: {problem}") from None

    return Argument(read=read_argument, schema=schema, description=description)


@frozen(kw_only=True)
class Body:
    """The JSON object that a request brings."""

    fields: Mapping[str, Read]
    required: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    """Fields of which nothing may be kept from which they could be guessed."""


@frozen(kw_only=True)
class FileBody:
    """The file that a request brings instead; the page reads it."""

    content_type: str
    most_bytes: int
    has_secrets: bool = False


@frozen(kw_only=True)
class Asked:
    """What a request asked, read as its operation declares."""

    arguments: Mapping[str, Any]
    """Every declared one; None, or what the declaration says, for those that were not given."""
    fields: dict[str, Any] = field(repr=False)
    """Those that were given."""
    seen: FleetNumber | None
    """The generation of the object that whoever asks has seen; None for any."""
    key: str | None = None
    """With which the same request is recognised when it comes again."""


@frozen(kw_only=True)
class Operation:
    """What may be asked of an address by one method, and what is answered when it went well."""

    summary: str
    """A sentence without its dot."""
    answer: Schema
    status: int = 200
    headers: tuple[str, ...] = ()
    """Of the answer."""
    arguments: Mapping[str, Argument] = field(factory=dict)
    ignores_other_arguments: bool = False
    """For what others than our clients ask."""
    body: Body | None = None
    file: FileBody | None = None
    is_conditional: bool = False
    """Whether If-Match is heeded."""
    is_answered_secret: bool = False
    """Whether the answer holds a secret: then it is not kept for who asks again with its key."""
    problems: tuple[int, ...] = ()
    """What may be answered besides what any operation of this kind may answer."""

    def read(self, query: Query) -> Asked:
        """Read a request; HttpProblem 400, 413, 415 or 422 when it is not as declared."""
        if not self.ignores_other_arguments:
            only_known(query, tuple(self.arguments))
        arguments = {name: each.read(query, name) for name, each in self.arguments.items()}
        seen = condition_of(query) if self.is_conditional else None
        key = None if query.asked is None else request_key_of(query)
        fields: dict[str, Any] = {}
        if self.file is not None:
            check_file(query, self.file.content_type, self.file.most_bytes)
        if self.body is not None:
            fields = read_fields(read_object(query), self.body.fields, required=self.body.required)
        return Asked(arguments=arguments, fields=fields, seen=seen, key=key)

    def keyed(self, query: Query, asked: Asked, key: str) -> Keyed:
        """Give all by which this request differs from others, and what of it is secret."""
        is_secret = self.body is not None and not asked.fields.keys().isdisjoint(self.body.secret)
        return Keyed(
            key=key,
            request=AskedRequest(
                asker_kind=query.asker.kind,
                method=query.method,
                path=query.path,
                arguments=query.repeated,
                if_match=query.if_match,
                json=b"" if self.body is None else query.body,
                file=b"" if self.file is None else query.body,
            ),
            holds_secret=is_secret or (self.file is not None and self.file.has_secrets),
            is_answered_secret=self.is_answered_secret,
        )


@frozen(kw_only=True)
class Declared:
    """An operation with the function that answers it."""

    operation: Operation
    answer: Callable[[Query, Asked], Awaitable[object]]

    async def __call__(self, query: Query) -> object:
        asked = self.operation.read(query)
        if asked.key is None:
            return await self.answer(query, asked)
        keyed = self.operation.keyed(query, asked, asked.key)
        return await query.repeating.once(keyed, query, lambda: self.answer(query, asked))


class DeclaredPage(JsonPage):
    """A page whose operations are all declared.

    `each_is` says in a few words what the last part of the addresses below it is.
    """

    def __init__(
        self,
        answers: Mapping[str, Declared],
        *,
        access: Access,
        below: Mapping[bytes, Resource] = MappingProxyType({}),
        each: Callable[[str], Resource] | None = None,
        each_is: str = "",
    ) -> None:
        changes = {method: answer for method, answer in answers.items() if method != "GET"}
        super().__init__(answers.get("GET"), changes, access=access, below=below, each=each)
        self.each_is = each_is
        self.operations = {method: answer.operation for method, answer in answers.items()}
