"""Requests to one BMC over HTTPS, and what is heard: within limits of time and size.

No redirect is followed, nothing is unpacked, no request is sent twice.
"""

from typing import Any, Final, cast

from attrs import field, frozen
from OpenSSL import SSL
from treq.client import HTTPClient
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface import implementer

from evenrack.errors import BmcNotTrusted, BmcSilent, BmcUnreachable, EvenrackError
from evenrack.model.power import REDFISH_PORT, BmcAccess
from evenrack.rack.power.rest.lines import MOST_BYTES, Lines
from evenrack.rack.power.rest.trust import BmcTrust
from evenrack.runtime.log_format import error_text

_NOWHERE: Final = "https://bmc.invalid"
"""The library reads no URL with an IPv6 address; `lines` leads all of them to the BMC."""

_HEADERS: Final = {"Accept": ["application/json"], "OData-Version": ["4.0"]}
"""DSP0266, 6.5.1."""


@frozen(kw_only=True)
class Login:
    """Who asks."""

    basic: tuple[bytes, bytes] | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)


NOBODY: Final = Login()


@frozen(kw_only=True)
class Request:
    """What is asked."""

    method: str
    path: str
    form: dict[str, Any] | None = field(default=None, repr=False)
    """It may have the password in it."""
    if_match: str = ""

    @property
    def changes(self) -> bool:
        """Whether it may have done something when no answer comes."""
        return self.method in {"POST", "PATCH"}


@frozen(kw_only=True)
class Answer:
    """What a BMC said."""

    status: int
    body: bytes = field(repr=False)
    etag: str = ""
    location: str = ""
    token: str = field(default="", repr=False)


class Exchange:
    """Connections to one BMC, for one conversation."""

    def __init__(self, reactor: Any, access: BmcAccess, trust: BmcTrust) -> None:
        self._reactor = reactor
        self._where = f"{access.address}, TCP port {access.port}"
        host = f"[{access.ip}]" if access.ip.version == 6 else str(access.ip)  # noqa: PLR2004  of IP
        self._host = f"{host}:{access.port}" if access.port != REDFISH_PORT else host
        self._lines = Lines(reactor, access, trust)
        self._pool = HTTPConnectionPool(reactor)
        self._pool.retryAutomatically = False
        agent = Agent.usingEndpointFactory(reactor, self._lines, self._pool)
        self._client = HTTPClient(_Plain(agent))

    async def ask(self, request: Request, login: Login, seconds: float) -> Answer:
        """Send a request, and give its answer, whatever that says.

        BmcUnreachable or BmcNotTrusted when it was not sent; when it was, and no answer came,
        BmcSilent if it changes something, and BmcUnreachable else.
        """
        self._lines.begin_request()
        asking = Deferred.fromCoroutine(self._ask(request, login))
        # Twisted tells of a request that was cancelled as of one that was lost: who cancels this
        # one must not hear that.
        heard: Deferred[Answer] = Deferred()
        asking.chainDeferred(heard)
        try:
            return await heard.addTimeout(seconds, self._reactor)
        except CancelledError:
            raise
        except WaitedTooLong:
            why = f"no answer of {self._where} within {seconds:.1f} s"
            raise self._lost(request, why) from None
        except Exception as problem:  # noqa: BLE001  whatever a stranger's bytes have led to
            raise self._lost(request, self._told(problem)) from None
        finally:
            asking.cancel()

    async def end(self) -> None:
        """Close every connection, whether or not the BMC agrees."""
        try:
            await DeferredList(self._lines.abort(), consumeErrors=True)
        finally:
            # last: one whose answer nobody has read goes into the pool when it ends
            self._pool.closeCachedConnections()

    async def _ask(self, request: Request, login: Login) -> Answer:
        headers = Headers(_HEADERS)
        headers.setRawHeaders("Host", [self._host])
        if login.token:
            headers.setRawHeaders("X-Auth-Token", [login.token])
        if request.if_match:
            headers.setRawHeaders("If-Match", [request.if_match])
        form: Any = {} if request.form is None else {"json": request.form}
        response = await self._client.request(
            request.method,
            _NOWHERE + request.path,
            headers=headers,
            auth=login.basic,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
            **form,
        )
        body = await response.content()
        return Answer(
            status=response.code,
            body=body,
            etag=_first(response.headers, "ETag"),
            location=_first(response.headers, "Location"),
            token=_first(response.headers, "X-Auth-Token"),
        )

    def _lost(self, request: Request, why: str) -> EvenrackError:
        if self._lines.distrusts is not None:
            return BmcNotTrusted(
                f"{self._where} shows another certificate: {self._lines.distrusts}; it was told "
                "nothing"
            )
        if request.changes and self._lines.have_heard:
            return BmcSilent(f"the BMC was told, and did not answer: {why}")
        return BmcUnreachable(why)

    def _told(self, problem: BaseException) -> str:
        if self._lines.said_too_much:
            return f"{self._where} says more than {MOST_BYTES} bytes"
        if isinstance(problem, error.ConnectionRefusedError):
            return f"nothing listens on {self._where}"
        if isinstance(problem, error.ConnectError):
            return f"no connection to {self._where}: {error_text(problem)}"
        return f"{self._where} gives no answer: {_cause(problem)}"


@implementer(IAgent)
class _Plain:
    """Asks for answers that are not packed, and takes no others: a small one may get very large."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: Any = None,  # noqa: N803  Twisted's name
    ) -> Any:
        if headers is not None:
            headers.removeHeader(b"accept-encoding")
        asking = cast("Deferred[Any]", self._agent.request(method, uri, headers, bodyProducer))
        return asking.addCallback(_unpacked)


def _unpacked(response: Any) -> Any:
    if response.headers.getRawHeaders(b"content-encoding"):
        raise ValueError("its answer is packed, which nobody asked for")
    return response


def _first(headers: Headers, name: str) -> str:
    found = headers.getRawHeaders(name.encode())
    return found[0].decode(errors="replace") if found else ""


def _cause(problem: BaseException) -> str:
    """Give the innermost reason, in its own words."""
    reasons = getattr(problem, "reasons", None)
    if reasons:
        return _cause(reasons[-1].value)
    if isinstance(problem, SSL.Error):
        entries = problem.args[0] if problem.args else []
        return f"no TLS: {'; '.join(str(each[-1]) for each in entries) or 'it gives no reason'}"
    return error_text(problem)
