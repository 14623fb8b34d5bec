"""The HTTP client of the region's API: plain sockets, no Twisted, quick to import.

It is given several targets and uses the first that answers, since any region process can answer
anything. A target that does not answer goes to the end of the queue, so a hung process costs its
time-out once and not on every request.

A change is different: once it was sent to one target, no other is asked, unless the first says that
nothing was changed. Without an answer nobody knows whether it was done.
"""

import json
import socket
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from evenrack.errors import ApiRefused, OutcomeUnknown, RegionUnreachable

LARGEST_ANSWER = 32 * 1024 * 1024
_SERVICE_UNAVAILABLE = 503
_FIRST_REFUSAL = 400


@frozen(kw_only=True)
class SocketTarget:
    """A region process on this machine, by its administration socket."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@frozen(kw_only=True)
class UrlTarget:
    """A region host on the network, by its HTTP address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


Target = SocketTarget | UrlTarget


def parse_url(text: str) -> UrlTarget:
    """Read ``http://host[:port]``; ValueError says what is wrong with it."""
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f'"{text}" is not http://host:port')
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise ValueError(f'"{text}" has more than http://host:port')
    return UrlTarget(host=parts.hostname, port=parts.port or 5240)


@frozen(kw_only=True)
class _Asked:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    if_match: str | None = None

    @property
    def changes_nothing(self) -> bool:
        return self.method == "GET"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.if_match is not None:
            headers["If-Match"] = f'"{self.if_match}"'
        return headers


class Client:
    """Asks the region's API; the first target that answers is enough."""

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        timeout: float,
        largest_answer: int = LARGEST_ANSWER,
    ) -> None:
        self._targets = list(targets)
        self._timeout = timeout
        self._largest_answer = largest_answer

    def get(self, path: str) -> Any:
        """Return the decoded JSON answer to ``GET path``."""
        return self._first_answer(_Asked(method="GET", path=path))

    def post(self, path: str, body: Any) -> Any:
        """Create something: return the decoded JSON answer to ``POST path``.

        ApiRefused and RegionUnreachable when nothing was changed; OutcomeUnknown when that is not
        known.
        """
        return self._first_answer(_Asked(method="POST", path=path, body=_encoded(body)))

    def patch(self, path: str, body: Any, if_match: str | None = None) -> Any:
        """Set some fields of an object, if it still has this generation; fails as `post` does."""
        return self._first_answer(
            _Asked(method="PATCH", path=path, body=_encoded(body), if_match=if_match)
        )

    def delete(self, path: str, if_match: str | None = None) -> Any:
        """Delete an object, if it still has this generation; fails as `post` does."""
        return self._first_answer(_Asked(method="DELETE", path=path, if_match=if_match))

    def _first_answer(self, asked: _Asked) -> Any:
        failures: list[str] = []
        refused: ApiRefused | None = None
        for target in list(self._targets):
            try:
                return self._ask(target, asked)
            except ApiRefused as refusal:
                if refusal.problem.get("status") != _SERVICE_UNAVAILABLE:
                    raise
                # this process is cut from the database; another one may not be
                refused = refused or refusal
            except (OSError, HTTPException, _NotTheApi) as error:
                failures.append(f"{target}: {_reason(error)}")
            self._ask_last(target)
        raise refused or RegionUnreachable(_nobody_answers(failures))

    def _ask_last(self, target: Target) -> None:
        self._targets.remove(target)
        self._targets.append(target)

    def _ask(self, target: Target, asked: _Asked) -> Any:
        connection = _connection(target, self._timeout)
        try:
            connection.connect()  # as long as this fails, nothing was asked
            try:
                return self._answer(connection, asked)
            except (OSError, HTTPException, _NotTheApi) as error:
                if asked.changes_nothing:
                    raise
                self._ask_last(target)
                raise OutcomeUnknown(_perhaps_done(f"{target}: {_reason(error)}")) from None
        finally:
            connection.close()

    def _answer(self, connection: HTTPConnection, asked: _Asked) -> Any:
        connection.request(asked.method, asked.path, body=asked.body, headers=asked.headers)
        with connection.getresponse() as response:
            # one byte more than allowed tells "too large" without reading all of it
            body = response.read(self._largest_answer + 1)
        if len(body) > self._largest_answer:
            raise _NotTheApi(f"its answer is larger than {self._largest_answer} bytes")
        content_type = response.getheader("Content-Type", "")
        return _decoded(response.status, content_type.split(";")[0].strip(), body)


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(str(self._path))
        except OSError:
            connecting.close()
            raise
        self.sock = connecting


class _NotTheApi(Exception):
    """Something answered, but not as the region's API does."""


def _connection(target: Target, timeout: float) -> HTTPConnection:
    if isinstance(target, SocketTarget):
        return _UnixConnection(target.path, timeout)
    return HTTPConnection(target.host, target.port, timeout=timeout)


def _decoded(status: int, content_type: str, body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except ValueError:
        raise _NotTheApi(f"it answers {status} without JSON") from None
    if status < _FIRST_REFUSAL:
        return answer
    if content_type != "application/problem+json" or not isinstance(answer, dict):
        raise _NotTheApi(f"it answers {status} without saying what is wrong")
    problem = {"status": status, **answer}
    if problem.get("code") == OutcomeUnknown.__name__:
        raise OutcomeUnknown(str(problem.get("detail")))
    raise ApiRefused(problem)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def _perhaps_done(reason: str) -> str:
    return (
        f"{reason}; the change may have been done: look before you repeat it, "
        "with `evenrack events`"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _nobody_answers(failures: list[str]) -> str:
    cure = "start evenrack-regiond here, or name a region with --region URL or --socket PATH"
    if not failures:
        return f"no administration socket of a region process is on this machine; {cure}"
    return f"no region process answers ({'; '.join(failures)}); {cure}"
