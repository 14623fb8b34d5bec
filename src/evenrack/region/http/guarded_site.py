"""The site: every page behind the gate, and every change in the audit log."""

from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.server import Site

from evenrack.region.database.token_store import Role
from evenrack.region.http.access import READING, Access
from evenrack.region.http.asker import Asker, source_of
from evenrack.region.http.audit_data import arguments_data, audit_data, deed_of
from evenrack.region.http.audit_trail import AskedChange, AuditTrail
from evenrack.region.http.gate import ANYBODY, Gate, PeerGone, check_role
from evenrack.region.http.json_pages import IdentifiedRequest, Once, Reply, answer_later
from evenrack.region.http.request_body import BoundedRequest
from evenrack.region.http.timely_channel import TimelyChannel

IDLE_SECONDS = 60
NOBODY_WAITED = 499
"""The status of a change whose asker hung up before the answer."""


class GuardedSite(Site):
    """A site that asks who it is before each page, shows no tracebacks, and logs no requests."""

    protocol = TimelyChannel  # type: ignore[assignment]  # HTTP/1.1 only, so no choice of one
    requestFactory = BoundedRequest  # noqa: N815  Twisted calls it so
    displayTracebacks = False
    noisy = False

    def __init__(
        self,
        root: Resource,
        gate: Gate,
        trail: AuditTrail,
        repeating: Once,
        clock: IReactorTime,
    ) -> None:
        super().__init__(root, timeout=IDLE_SECONDS, reactor=clock, parsePOSTFormSubmission=False)
        self._gate = gate
        self._trail = trail
        self._repeating = repeating
        self.large_bodies = 0
        """How many bodies over the usual limit are under way."""

    def getResourceFor(self, request: Any) -> Resource:  # noqa: N802  Twisted calls it so
        request.site = self
        request.sitepath = []
        request.repeating = self._repeating
        page = getChildForRequest(self.resource, request)
        return _Guarded(page, self._gate, self._trail)

    def log(self, request: Any) -> None:
        """Log nothing: what matters is an event, and a request line may hold secrets."""


class _Guarded(Resource):
    """One page for one request."""

    isLeaf = True

    def __init__(self, page: Resource, gate: Gate, trail: AuditTrail) -> None:
        super().__init__()
        self._page = page
        self._gate = gate
        self._trail = trail

    def render(self, request: IdentifiedRequest) -> int:
        if request.method.decode("ascii", "replace") not in READING:
            self._note(request)
        return answer_later(request, self._let_in(request))

    async def _let_in(self, request: IdentifiedRequest) -> Reply | None:
        access = cast("Access | None", getattr(self._page, "access", None))
        method = request.method.decode("ascii", "replace")
        needed = "admin" if access is None else access.needed(method)
        try:
            asker = await self._identified(request, needed)
        except PeerGone:
            request.loseConnection()
            return None
        request.asker = asker
        if request.asked is not None:
            request.asked.asker = asker
        self._gate.slow_down(request, asker)
        if request.asked is not None:
            body = audit_data(_body_of(request))
            request.asked.data = {**body, **arguments_data(request.args or {})}
        check_role(asker, needed)
        self._page.render(request)
        return None

    async def _identified(self, request: IdentifiedRequest, needed: Role | None) -> Asker:
        """Find out who asks; a connection of nobody known ends after this answer."""
        channel: Any = request.channel  # a TimelyChannel
        asker = None
        try:
            asker = await self._gate.identify(request, needed)
        finally:
            if asker is None or asker.who == ANYBODY:
                channel.answer_no_more()
                request.setHeader("connection", "close")
            else:
                channel.trust()
        return asker

    def _note(self, request: IdentifiedRequest) -> None:
        asked = request.asked = AskedChange(
            deed=deed_of(
                request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
            ),
            source=source_of(request.getClientAddress()),
        )

        def answered(_: object) -> None:
            self._trail.answered(asked, request.code)

        def gone(_: Failure) -> None:
            self._trail.answered(asked, NOBODY_WAITED)

        request.notifyFinish().addCallbacks(answered, gone)


def _body_of(request: IdentifiedRequest) -> bytes:
    if request.content is None:
        return b""
    body: bytes = request.content.read()
    request.content.seek(0)
    return body
