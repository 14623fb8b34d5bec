"""Pages that answer JSON, and problems as RFC 9457 says."""

import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from evenrack.errors import DatabaseUnreachable, SchemaMismatch
from evenrack.region.http.access import NOTHING_THERE, Access
from evenrack.region.http.asker import Asker
from evenrack.region.http.audit_trail import AskedChange

log = Logger()

DOCUMENTATION = "urn:evenrack:problem:"
"""Problems are named by their code in `docs/problems.md`."""


@frozen(kw_only=True)
class HttpProblem(Exception):
    """An answer that says what is wrong."""

    status: int
    code: str
    title: str
    detail: str
    more: Mapping[str, Any] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Reply:
    """An answer with more to it than its JSON."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


def reply_of(answer: object, status: int = 200) -> Reply:
    """Give an answer as a reply; `status` counts where it says none."""
    return answer if isinstance(answer, Reply) else Reply(body=answer, status=status)


class Once(Protocol):
    """Answers requests with keys (`repeating`)."""

    async def once(
        self, keyed: Any, query: "Query", answer: Callable[[], Awaitable[object]]
    ) -> object:
        """Have a request answered, or give the answer that it had before."""


@frozen(kw_only=True)
class Query:
    """What a request asked beyond its path."""

    arguments: Mapping[str, str]
    """The last of each name."""
    repeated: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """All of each name."""
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    """Without its parameters, in small letters."""
    if_match: str | None = None
    """The condition that came with it."""
    idempotency_key: str | None = None
    """The name of this request, with which it may be repeated."""
    asker: Asker
    """Who asks."""
    asked: AskedChange | None = None
    """For the audit log, unless it changes nothing."""
    method: str
    path: str
    """As it was sent."""
    repeating: Once
    """Who answers when it has a key."""

    def whole_number(self, name: str, default: int | None, *, most: int) -> int | None:
        """Read an argument that is a whole number from 0 to `most`; HttpProblem 400 otherwise."""
        text = self.arguments.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or not _is_at_most(text, most):
            raise HttpProblem(
                status=400,
                code="BadRequest",
                title="An argument was not understood",
                detail=f"{name}: a whole number from 0 to {most} is needed",
            )
        return int(text)


Answer = Callable[[Query], Awaitable[object]]
"""Gives JSON, or a `Reply` where that is not all."""


class IdentifiedRequest(Request):
    """A request of which it is known who asks; `None` until that was found out."""

    asker: Asker | None = None
    asked: AskedChange | None = None
    repeating: Once | None = None
    refused: HttpProblem | None = None
    """Why not all of its body was kept, where it could have been."""


class JsonPage(Resource):
    """One address that answers with JSON: GET, if there is anything to get, and other methods.

    `access` is the role that it needs; without one a page is for admins, and a test fails. `below`
    has the pages under it by name, and `each` makes the page under it for any other name.
    """

    def __init__(
        self,
        answer: Answer | None,
        changes: Mapping[str, Answer] | None = None,
        *,
        access: Access | None = None,
        below: Mapping[bytes, Resource] = MappingProxyType({}),
        each: Callable[[str], Resource] | None = None,
    ) -> None:
        super().__init__()
        reading = {} if answer is None else {"GET": answer, "HEAD": answer}
        self._answers = {**reading, **(changes or {})}
        self.access = access
        self.each = each
        for name, page in below.items():
            self.putChild(name, page)

    @property
    def methods(self) -> tuple[str, ...]:
        """Give the methods that are answered here."""
        return tuple(self._answers)

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002  Twisted asks so
        if not path:
            return self
        return Missing() if self.each is None else self.each(path.decode("utf-8", "replace"))

    def render(self, request: IdentifiedRequest) -> int:
        answer = self._answers.get(request.method.decode("ascii", "replace"))
        if answer is None:
            write_problem(request, not_allowed(self._answers))
            return NOT_DONE_YET
        return answer_later(request, _answered(answer, request))


async def _answered(answer: Answer, request: IdentifiedRequest) -> Reply:
    return reply_of(await answer(_query_of(request)))


def answer_later(request: Request, answering: Coroutine[Any, Any, Reply | None]) -> int:
    """Answer when it is known what; None when something else answers. Failures are answered too."""
    waiting = Deferred.fromCoroutine(_respond(request, answering))
    request.notifyFinish().addErrback(lambda _: waiting.cancel())
    return NOT_DONE_YET


async def _respond(request: Request, answering: Coroutine[Any, Any, Reply | None]) -> None:
    try:
        reply = await answering
    except CancelledError:
        return  # nobody is there to answer
    except HttpProblem as problem:
        write_problem(request, problem)
    except (DatabaseUnreachable, SchemaMismatch) as problem:
        write_problem(request, database_problem(str(problem)))
    except Exception:  # noqa: BLE001  a bug in one answer must not leave a request open
        log.failure("answering {path} failed", path=request.path.decode("ascii", "replace"))
        write_problem(request, INTERNAL)
    else:
        if reply is not None:
            write_json(request, reply.status, reply.body, headers=reply.headers)


class Missing(Resource):
    """What is answered where there is nothing."""

    isLeaf = True
    access = NOTHING_THERE

    def render(self, request: Request) -> int:
        path = request.path.decode("ascii", "replace")
        problem = HttpProblem(
            status=404, code="NotFound", title="Nothing is here", detail=f"{path} does not exist"
        )
        write_problem(request, problem)
        return NOT_DONE_YET


INTERNAL = HttpProblem(
    status=500, code="Internal", title="A bug was found", detail="see the log of this process"
)


def not_allowed(methods: Iterable[str]) -> HttpProblem:
    """Say which methods are answered at an address."""
    allowed = ", ".join(methods)
    return HttpProblem(
        status=405,
        code="MethodNotAllowed",
        title="This method is not answered here",
        detail=f"nothing was changed; answered here are: {allowed}",
        headers={"Allow": allowed},
    )


def database_problem(detail: str) -> HttpProblem:
    """Say that PostgreSQL cannot be reached."""
    return HttpProblem(
        status=503,
        code="DatabaseUnreachable",
        title="The region process cannot reach PostgreSQL",
        detail=detail,
    )


def write_problem(request: Request, problem: HttpProblem) -> None:
    """Answer with a problem as application/problem+json."""
    body = {
        "type": DOCUMENTATION + problem.code,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        **problem.more,
    }
    write_json(
        request,
        problem.status,
        body,
        headers={**problem.headers, "Content-Type": "application/problem+json"},
    )


def write_json(
    request: Request,
    status: int,
    body: object,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Answer with JSON and end the request."""
    request.setResponseCode(status)
    request.setHeader("content-type", "application/json")
    request.setHeader("cache-control", "no-store")
    request.setHeader("evenrack-keeps-keys", "all")  # not only of orders: see `client`
    request.responseHeaders.removeHeader("server")  # which version runs is nobody's business
    for name, value in headers.items():
        request.setHeader(name, value)
    request.write(json.dumps(body).encode() + b"\n")
    request.finish()


def header_of(request: Request, name: bytes) -> str | None:
    """Give a header; bytes that are no text are shown as such, and not an error."""
    value: bytes | None = request.getHeader(name)
    return None if value is None else value.decode("utf-8", "backslashreplace")


def _is_at_most(digits: str, most: int) -> bool:
    digits = digits.lstrip("0")  # Python reads only so many digits
    return len(digits) <= len(str(most)) and int(digits or "0") <= most


def _query_of(request: IdentifiedRequest) -> Query:
    if request.asker is None or request.repeating is None:
        raise AssertionError("a page is asked by whom the gate let in")
    if request.refused is not None:
        raise request.refused
    repeated = {
        name.decode("utf-8", "replace"): tuple(each.decode("utf-8", "replace") for each in values)
        for name, values in (request.args or {}).items()
    }
    return Query(
        arguments={name: values[-1] for name, values in repeated.items()},
        repeated=repeated,
        body=b"" if request.content is None else request.content.read(),
        content_type=(header_of(request, b"content-type") or "").partition(";")[0].strip().lower(),
        if_match=header_of(request, b"if-match"),
        idempotency_key=header_of(request, b"idempotency-key"),
        asker=request.asker,
        asked=request.asked,
        method=request.method.decode("ascii", "replace"),
        path=request.path.decode("ascii", "backslashreplace"),
        repeating=request.repeating,
    )
