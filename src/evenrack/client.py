"""The HTTP client of the region's API: plain sockets, no Twisted, quick to import.

It is given several targets and uses the first that answers, since any region process can answer
anything. A target that does not answer goes to the end of the queue, so a hung process costs its
time-out once and not on every request.

A change is different: once it was sent to one target, no other is asked, unless the first says that
nothing was changed. Without an answer nobody knows whether it was done. One that has a key is safe
to repeat at processes that keep keys, so those of the other targets are asked too.

A token goes to nobody but this host, or a region that proved with its certificate that it is one.
"""

import json
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, frozen

from evenrack.client_connections import TlsConnection, UnixConnection
from evenrack.config.secret_file import Secret
from evenrack.errors import ApiRefused, CannotEverWork, OutcomeUnknown, RegionUnreachable

DEFAULT_PORT = 5240
LARGEST_ANSWER = 32 * 1024 * 1024

ROUNDS_WITH_KEY = 2
"""How often each target is asked for a change that may be repeated."""

KEEPS_KEYS = "Evenrack-Keeps-Keys"
"""The header by which a process says that it knows every change by its key."""

ORDERS = "/api/v1/orders"
HEALTH = "/healthz"

UNDER_WAY_SECONDS = 0.5
UNDER_WAY_TRIES = 6
"""How long one target is asked for a change that it says is under way."""

_SERVICE_UNAVAILABLE = 503
_UNDER_WAY = "StillUnderWay"
_DONE_BEFORE = "AnswerNotKept"
"""It was done, and what was made then is to be made anew: its secret is kept nowhere."""
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
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"


Target = SocketTarget | UrlTarget


@frozen(kw_only=True)
class Credentials:
    """What a client shows, and whom it believes, on the network; a socket needs neither."""

    token: Secret | None = None
    authority: ssl.SSLContext | None = None
    """Made by `trusting`; without it nothing is asked over https."""


NO_CREDENTIALS = Credentials()


def new_change_key() -> str:
    """Make a name for a change that nobody else gives: 128 random bits."""
    return secrets.token_hex(16)


@frozen(kw_only=True)
class Repeats:
    """How a client repeats changes."""

    new_key: Callable[[], str]
    """Makes a name for a change, by which it is known when it comes again."""
    pause: Callable[[float], None]
    """Waits so many seconds."""


class NotSafe(CannotEverWork):
    """What was asked for would show a token to others, or believe anybody; nothing was sent."""

    wire_code = b"NOT_SAFE"


def trusting(authorities: str) -> ssl.SSLContext:
    """Believe regions of these authorities (PEM), over TLS 1.3; ValueError when there are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise ValueError("holds no certificate in PEM") from None
    return context


def parse_url(text: str) -> UrlTarget:
    """Read ``http[s]://host[:port]``; ValueError says what is wrong with it."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f'"{text}" is not https://host:port')
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise ValueError(f'"{text}" has more than https://host:port')
    return UrlTarget(
        host=parts.hostname, port=parts.port or DEFAULT_PORT, tls=parts.scheme == "https"
    )


@frozen(kw_only=True)
class _Asked:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"
    if_match: str | None = None
    key: str | None = None
    """With which the region recognises it when it comes again."""

    @property
    def changes_nothing(self) -> bool:
        return self.method == "GET"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        if self.if_match is not None:
            headers["If-Match"] = f'"{self.if_match}"'
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        return headers


class Client:
    """Asks the region's API; the first target that answers is enough."""

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        timeout: float,
        credentials: Credentials = NO_CREDENTIALS,
        largest_answer: int = LARGEST_ANSWER,
        repeats: Repeats | None = None,
    ) -> None:
        """With `repeats` each change but a file has a key of its own.

        It is then done once however often it is sent, so other targets are asked for it when one
        has not answered, and the same one again.
        """
        self._targets = list(targets)
        self._repeats = repeats
        self._keepers: set[Target] = set()
        """Those that keep keys of every change, as they say."""
        self._timeout = timeout
        self._credentials = credentials
        self._largest_answer = largest_answer

    def get(self, path: str) -> Any:
        """Return the decoded JSON answer to ``GET path``."""
        return self._first_answer(_Asked(method="GET", path=path))

    def post(self, path: str, body: Any, if_match: str | None = None) -> Any:
        """Create something: return the decoded JSON answer to ``POST path``.

        With `if_match` only if what it is about still has this generation.
        ApiRefused and RegionUnreachable when nothing was changed; OutcomeUnknown when that is not
        known.
        """
        return self._change("POST", path, _encoded(body), if_match)

    def post_file(self, path: str, content: bytes, content_type: str) -> Any:
        """Send a file: return the decoded JSON answer to ``POST path``; fails as `post` does."""
        return self._first_answer(
            _Asked(method="POST", path=path, body=content, content_type=content_type)
        )

    def patch(self, path: str, body: Any, if_match: str | None = None) -> Any:
        """Set some fields of an object, if it still has this generation; fails as `post` does."""
        return self._change("PATCH", path, _encoded(body), if_match)

    def delete(self, path: str, if_match: str | None = None) -> Any:
        """Delete an object, if it still has this generation; fails as `post` does."""
        return self._change("DELETE", path, None, if_match)

    def _change(self, method: str, path: str, body: bytes | None, if_match: str | None) -> Any:
        key = None if self._repeats is None else self._repeats.new_key()
        return self._first_answer(
            _Asked(method=method, path=path, body=body, if_match=if_match, key=key)
        )

    def _first_answer(self, asked: _Asked) -> Any:
        failures: list[str] = []
        refused: ApiRefused | None = None
        unknown: OutcomeUnknown | None = None
        for target in list(self._targets) * (1 if asked.key is None else ROUNDS_WITH_KEY):
            heeded = False
            try:
                heeded = self._is_key_heeded(target, asked)
                if unknown is not None and not heeded:
                    continue  # it would do it a second time
                return self._ask_patiently(target, asked)
            except OutcomeUnknown as problem:
                if not heeded:
                    raise
                unknown = problem
            except ApiRefused as refusal:
                _check_that_others_may(refusal, unknown)
                refused = refused or refusal
            except (OSError, HTTPException, _NotTheApi) as error:
                failures.append(f"{target}: {_reason(error)}{_advice(target, error)}")
            self._ask_last(target)
        raise unknown or refused or RegionUnreachable(_nobody_answers(failures))

    def _is_key_heeded(self, target: Target, asked: _Asked) -> bool:
        """Tell whether it knows a request by its key; it is asked, unless it has said so.

        Processes of the version before heed keys of orders only. Fails as `_ask` does.
        """
        if asked.key is None or asked.path == ORDERS:
            return asked.key is not None
        if target not in self._keepers:
            self._ask(target, _Asked(method="GET", path=HEALTH))
        return target in self._keepers

    def _ask_patiently(self, target: Target, asked: _Asked) -> Any:
        """Ask again while the same change is under way; OutcomeUnknown when that takes long."""
        for _ in range(UNDER_WAY_TRIES):
            try:
                return self._ask(target, asked)
            except ApiRefused as refusal:
                if self._repeats is None or refusal.problem.get("code") != _UNDER_WAY:
                    raise
                self._repeats.pause(UNDER_WAY_SECONDS)
        raise OutcomeUnknown(_perhaps_done(f"{target}: it is still under way"))

    def _ask_last(self, target: Target) -> None:
        self._targets.remove(target)
        self._targets.append(target)

    def _ask(self, target: Target, asked: _Asked) -> Any:
        connection = self._connection(target)
        try:
            connection.connect()  # as long as this fails, nothing was asked
            headers = {**asked.headers, **self._proof(target, connection)}
            try:
                return self._answer(target, connection, asked, headers)
            except (OSError, HTTPException, _NotTheApi) as error:
                if asked.changes_nothing:
                    raise
                self._ask_last(target)
                raise OutcomeUnknown(_perhaps_done(f"{target}: {_reason(error)}")) from None
        finally:
            connection.close()

    def _connection(self, target: Target) -> HTTPConnection:
        if isinstance(target, SocketTarget):
            return UnixConnection(target.path, self._timeout)
        if not target.tls:
            return HTTPConnection(target.host, target.port, timeout=self._timeout)
        if self._credentials.authority is None:
            raise NotSafe(
                f"{target}: whom to believe is not known: give the cluster's authority with "
                "--authority FILE, a copy of authorities.pem in a region host's state_dir"
            )
        return TlsConnection(
            target.host, target.port, self._credentials.authority, timeout=self._timeout
        )

    def _proof(self, target: Target, connection: HTTPConnection) -> dict[str, str]:
        """Give the header with the token, where nobody else can read it."""
        token = self._credentials.token
        if token is None or isinstance(target, SocketTarget):
            return {}
        if not target.tls and not _is_this_host(connection.sock):
            raise NotSafe(
                f"{target}: without TLS others can read the token on the way, so it was not "
                f"sent: use https://{target.host}:{target.port}"
            )
        return {"Authorization": f"Bearer {token.reveal().decode('ascii')}"}

    def _answer(
        self, target: Target, connection: HTTPConnection, asked: _Asked, headers: dict[str, str]
    ) -> Any:
        connection.request(asked.method, asked.path, body=asked.body, headers=headers)
        with connection.getresponse() as response:
            if response.getheader(KEEPS_KEYS) is not None:
                self._keepers.add(target)
            # one byte more than allowed tells "too large" without reading all of it
            body = response.read(self._largest_answer + 1)
        if len(body) > self._largest_answer:
            raise _NotTheApi(f"its answer is larger than {self._largest_answer} bytes")
        content_type = response.getheader("Content-Type", "")
        return _decoded(response.status, content_type.split(";")[0].strip(), body)


class _NotTheApi(Exception):
    """Something answered, but not as the region's API does."""


def _check_that_others_may(refusal: ApiRefused, unknown: OutcomeUnknown | None) -> None:
    """Raise what is the last word, if it is: only who is cut from the database has none."""
    if refusal.problem.get("code") == _DONE_BEFORE:
        raise refusal
    if refusal.problem.get("status") != _SERVICE_UNAVAILABLE:
        # who was asked before may still do it
        raise (unknown or refusal) from None


def _is_this_host(connected: socket.socket) -> bool:
    """Tell whether the other end is here; names are not believed, only where they led."""
    return ip_address(connected.getpeername()[0].partition("%")[0]).is_loopback


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
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not of this cluster's regions ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS 1.3 came about ({(error.reason or str(error)).lower().replace('_', ' ')})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _advice(target: Target, error: Exception) -> str:
    if isinstance(error, HTTPException) and isinstance(target, UrlTarget) and not target.tls:
        return f" (if it speaks TLS: {evolve(target, tls=True)})"
    return ""


def _nobody_answers(failures: list[str]) -> str:
    cure = "start evenrack-regiond here, or name a region with --region URL or --socket PATH"
    if not failures:
        return f"no administration socket of a region process is on this machine; {cure}"
    return f"no region process answers ({'; '.join(failures)}); {cure}"
