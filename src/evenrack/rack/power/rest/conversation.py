"""One conversation with a Redfish service: found, logged in, used, and logged out whatever happens.

The password is sent once, to who has shown the right certificate, and to no other place.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from attrs import evolve, field, frozen
from twisted.internet.task import deferLater

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcSilent,
    BmcUnreachable,
    EvenrackError,
)
from evenrack.model.power import BmcAccess, PowerState
from evenrack.rack.power.rest.answers import (
    ROOT,
    Service,
    System,
    path_of,
    read_members,
    read_object,
    read_service,
    read_system,
    system_among,
)
from evenrack.rack.power.rest.exchange import NOBODY, Answer, Exchange, Login, Request
from evenrack.rack.power.rest.refusals import OK, login_refusal, refusal
from evenrack.rack.power.rest.trust import BmcTrust

Result = TypeVar("Result")
Read = TypeVar("Read")

ANSWER_SECONDS: Final = 6.0
"""To answer one request."""

LOG_OUT_SECONDS: Final = 4.0
"""To end the session, for which some BMCs want another connection, and begin TLS slowly."""

CLOSE_SECONDS: Final = 1.0
"""For the same, when the BMC has not answered before, or when the time of all is nearly over. The
BMC's turn is given back at most so long after that; what is sent then switches nothing."""

SETTLE_SECONDS: Final = 3.0
"""A BMC that has agreed is looked at for so long; who asked goes on looking by himself."""

LOOK_SECONDS: Final = 0.5

_MOST_OF_HIDDEN: Final = 8
"""So many of the first characters of what is hidden are hidden too."""

_NOT_FOUND: Final = 404
_NO_SUCH_PLACE: Final = frozenset({_NOT_FOUND, 405, 410})


@frozen(kw_only=True)
class Known:
    """What an earlier conversation has found."""

    service: Service
    system: str = ""
    """Its path; empty when only the service is known."""


@frozen(kw_only=True)
class Way:
    """How one conversation gets to its BMC."""

    access: BmcAccess
    trust: BmcTrust = field(repr=False)
    ends: float
    """When all of it has to be over."""
    known: Known | None = None


async def converse(
    reactor: Any, way: Way, talk: Callable[["Conversation"], Awaitable[Result]]
) -> tuple[Result, Known]:
    """Find the service and its system, log in, talk, and log out, also when this is cancelled.

    Raises what `driver` names; what the talk has not sent yet was not done.
    """
    exchange = Exchange(reactor, way.access, way.trust)
    conversation = Conversation(reactor, exchange, way)
    try:
        known = await conversation.find_service()
        await conversation.log_in(known.service)
        try:
            known = await conversation.find_system(known)
            return await talk(conversation), known
        finally:
            await conversation.log_out()
    except EvenrackError as problem:
        raise conversation.shown(problem) from None
    finally:
        await exchange.end()


class Conversation:
    """With one BMC, about one of its systems."""

    def __init__(self, reactor: Any, exchange: Exchange, way: Way) -> None:
        self._reactor = reactor
        self._exchange = exchange
        self._way = way
        self._login = NOBODY
        self._session = ""
        self._system = ""
        self._was_known = False
        self._answers = True
        user, password = way.access.user.encode(), way.access.password.encode()
        self._basic = (user, password)
        self._hidden = (
            way.access.password,
            b64encode(b"%s:%s" % self._basic).decode(),
        )

    def shown(self, problem: EvenrackError) -> EvenrackError:
        """Give it, or another of its kind when the password, or the beginning of it, is in it.

        It may have names, kinds and links of the BMC in it, and of those only the first part.
        """
        words = str(problem)
        if isinstance(problem, BmcRefusedPassword):  # in our own words
            return problem
        if any(each[:_MOST_OF_HIDDEN] in words for each in self._hidden if each):
            return type(problem)("the password is in what the BMC says, which is not shown")
        return problem

    async def find_service(self) -> Known:
        """Find where things are; nobody has to log in for that (DSP0266, 13.3.1)."""
        if self._way.known is not None:
            return self._way.known
        return Known(service=await self._read(ROOT, "what it is", read_service))

    async def log_in(self, service: Service) -> None:
        """Begin a session; where the BMC has none, say with each request who asks."""
        access = self._way.access
        if access.login == "basic" or service.sessions is None:
            self._login = Login(basic=self._basic)
            return
        form = {"UserName": access.user, "Password": access.password}
        request = Request(method="POST", path=service.sessions, form=form)
        try:
            answer = await self._ask(request, self._seconds("a session"))
        except BmcSilent as silence:  # a session is no order: nothing was told yet
            raise BmcUnreachable(f"no session: {silence}") from None
        if answer.status in _NO_SUCH_PLACE and self._way.known is not None:
            raise BmcBusy("the BMC has another place for its sessions now")
        if answer.status not in OK:
            raise login_refusal(answer.status, answer.body, hidden=self._hidden)
        if not answer.token:
            raise BmcUnreachable("the BMC lets us in, and gives no token for it")
        self._login = Login(token=answer.token)
        self._session = self._place_of(answer)

    async def find_system(self, known: Known) -> Known:
        """Find the system that is named, or the only one."""
        if not known.system:
            members = await self._read(known.service.systems, "its systems", read_members)
            known = evolve(known, system=system_among(members, self._way.access.system))
        else:
            self._was_known = True
        self._system = known.system
        return known

    async def look(self) -> System:
        """Look at the system."""
        answer = await self._get(self._system)
        if answer.status == _NOT_FOUND and self._was_known:
            raise BmcBusy("the BMC has another place for the system now")
        return self._form_of(
            answer, "its system", lambda form: read_system(form, self._system, answer.etag)
        )

    async def tell(self, request: Request, what: str) -> None:
        """Have something done: sent once. BmcSilent when it may have been done."""
        answer = await self._ask(request, self._seconds(what))
        if answer.status not in OK:
            raise self._refusal(answer, what, changes=True)

    async def wait_until(self, wanted: PowerState) -> None:
        """Look until a system that has agreed is so, or a while has passed; what fails is no news.

        BMCs answer at once, and do it later.
        """
        until = min(self._reactor.seconds() + SETTLE_SECONDS, self._way.ends - LOG_OUT_SECONDS)
        while self._reactor.seconds() + LOOK_SECONDS < until:
            await deferLater(self._reactor, LOOK_SECONDS)
            try:
                if (await self.look()).power == wanted:
                    return
            except EvenrackError:
                return

    async def log_out(self) -> None:
        """End the session; does not wait for a BMC that does not answer."""
        if not self._session:
            return
        request = Request(method="DELETE", path=self._session)
        left = self._way.ends - self._reactor.seconds() if self._answers else 0.0
        try:
            await self._ask(request, max(CLOSE_SECONDS, min(left, LOG_OUT_SECONDS)))
        except EvenrackError:
            return  # it ends by itself after its timeout (DSP0266, 13.3.4.4)

    async def _read(self, path: str, what: str, read: Callable[[dict[str, Any]], Read]) -> Read:
        return self._form_of(await self._get(path), what, read)

    async def _get(self, path: str) -> Answer:
        request = Request(method="GET", path=path)
        return await self._ask(request, self._seconds(path))

    async def _ask(self, request: Request, seconds: float) -> Answer:
        self._answers = False  # until it has
        answer = await self._exchange.ask(request, self._login, seconds)
        self._answers = True
        return answer

    def _form_of(self, answer: Answer, what: str, read: Callable[[dict[str, Any]], Read]) -> Read:
        if answer.status not in OK:
            raise self._refusal(answer, what, changes=False)
        try:
            return read(read_object(answer.body))
        except ValueError as problem:
            raise BmcUnreachable(f"the BMC does not say {what} as it should: {problem}") from None

    def _refusal(self, answer: Answer, what: str, *, changes: bool) -> EvenrackError:
        found = refusal(answer.status, answer.body, what, hidden=self._hidden, changes=changes)
        if not isinstance(found, BmcRefusedPassword):
            return found
        if self._login is NOBODY:  # so it has not been told the password
            return BmcRefused(
                f"the BMC wants a login before it says what it is (HTTP {answer.status}), which a "
                "Redfish service must not"
            )
        return BmcBusy("the BMC has ended the session") if self._login.token else found

    def _seconds(self, what: str) -> float:
        """Give the time that is left for a request; BmcBusy, and nothing is sent, when none is."""
        left: float = self._way.ends - self._reactor.seconds()
        if left <= 0:
            raise BmcBusy(f"the BMC is too slow: no time was left for {what}")
        return min(left, ANSWER_SECONDS)

    def _place_of(self, answer: Answer) -> str:
        """Give where the session is, to end it there; nowhere else than on the BMC itself."""
        _, _, behind = answer.location.partition("://")
        path = f"/{behind.partition('/')[2]}" if behind else answer.location
        try:
            return path_of(path or read_object(answer.body).get("@odata.id"))
        except ValueError:
            return ""
