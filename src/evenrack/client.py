"""The HTTP client of the region's API: plain sockets, no Twisted, quick to import.

It is given several targets and uses the first that answers, since any region process can answer
anything. A target that does not answer goes to the end of the queue, so a hung process costs its
time-out once and not on every request.
"""

import json
import socket
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from evenrack.errors import ApiRefused, RegionUnreachable

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
        failures: list[str] = []
        refused: ApiRefused | None = None
        for target in list(self._targets):
            try:
                return self._ask(target, path)
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

    def _ask(self, target: Target, path: str) -> Any:
        connection = _connection(target, self._timeout)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            with connection.getresponse() as response:
                # one byte more than allowed tells "too large" without reading all of it
                body = response.read(self._largest_answer + 1)
        finally:
            connection.close()
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
    raise ApiRefused({"status": status, **answer})


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
