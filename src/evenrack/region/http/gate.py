"""Decides who asks, and whether that one may: tokens over TCP, the operating system on the socket.

Nothing is remembered of a token but how often it asked, so a revoked one is refused at once, by
every process.
"""

import math
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from evenrack.errors import EvenrackError
from evenrack.model.address_keys import address_key
from evenrack.region.database.token_store import Role, find_holder, is_enough
from evenrack.region.http.asker import Asker, source_of, user_of
from evenrack.region.http.bearer import hash_of, holds_token, token_from
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, header_of
from evenrack.region.http.rate_limit import Rate, RateLimit

FAILURES = Rate(per_second=10 / 60, burst=10)
"""Requests without a good token, from one address."""

REQUESTS = Rate(per_second=100, burst=200)
"""Requests with one token, to one process; without any, from one address."""

TOKEN_ARGUMENTS = frozenset({"token", "access_token", "bearer"})
ANYBODY = ""
"""Who asks without a token where none is needed; no token and no user is called so."""


class PeerGone(EvenrackError):
    """Who asked has hung up before anybody could see who it was."""

    wire_code = b"PEER_GONE"


class Gate:
    """Lets in who may ask."""

    def __init__(self, door: DatabaseDoor, clock: IReactorTime) -> None:
        self._door = door
        self._clock = clock
        self._failures = RateLimit(FAILURES)
        self._requests = RateLimit(REQUESTS)

    async def identify(self, request: Request, needed: Role | None) -> Asker:
        """Find out who asks; with `needed` None no token is asked for.

        HttpProblem 400, 401 or 429 for those who are not let in; DatabaseUnreachable.
        """
        _refuse_tokens_in(request)
        peer = request.getClientAddress()
        if isinstance(peer, UNIXAddress):
            user = user_of(request.channel.transport)
            if user is None:
                raise PeerGone
            return user
        return await self._by_token(request, peer, needed)

    async def _by_token(self, request: Request, peer: Any, needed: Role | None) -> Asker:
        address = address_key(peer.host)
        if needed is None:
            return Asker(who=ANYBODY, role="viewer", source=source_of(peer))
        now = self._clock.seconds()
        wait = self._failures.wait(address, now)
        if wait:
            raise _too_often("TooManyFailures", "Too many requests without a good token", wait)
        token = token_from(header_of(request, b"authorization"))
        digest = None if token is None else hash_of(token)
        holder = None
        if digest is not None:
            known = digest
            holder = await self._door.read(lambda connection: find_holder(connection, known))
        if holder is None:
            self._failures.take(address, now)
            raise _not_authenticated(shown=digest is not None)
        return Asker(who=holder.name, role=holder.role, source=source_of(peer))

    def slow_down(self, request: Request, asker: Asker) -> None:
        """HttpProblem 429 for one who asks too often; those on the socket may."""
        peer = request.getClientAddress()
        if isinstance(peer, UNIXAddress):
            return
        who = address_key(peer.host) if asker.who == ANYBODY else ("token", asker.who)
        wait = self._requests.take(who, self._clock.seconds())
        if wait:
            raise _too_often("TooManyRequests", "Too many requests", wait)


def check_role(asker: Asker, needed: Role | None) -> None:
    """HttpProblem 403 when the asker's role does not include the needed one."""
    if needed is not None and not is_enough(asker.role, needed):
        raise HttpProblem(
            status=403,
            code="NotAllowed",
            title="The role of this token is not enough; nothing was changed",
            detail=f'"{asker.who}" has the role {asker.role}, and this needs {needed}: an admin '
            f"can make another token with `evenrack token create NAME --role {needed}`",
        )


def _refuse_tokens_in(request: Request) -> None:
    """Refuse a token in the address: addresses are kept in logs and histories on the way."""
    named = {name.decode("ascii", "replace").lower() for name in request.args or {}}
    address = b"\n".join([request.uri, *(request.prepath or ()), *(request.postpath or ())])
    values = b"\n".join(each for all_of in (request.args or {}).values() for each in all_of)
    text = (address + b"\n" + values).decode("ascii", "replace")
    if named & TOKEN_ARGUMENTS or holds_token(text):
        raise HttpProblem(
            status=400,
            code="TokenInAddress",
            title="A token does not belong into an address; nothing was changed",
            detail="addresses are kept in logs: send the header Authorization: Bearer TOKEN. "
            "If it was a real token, revoke it: `evenrack token revoke NAME`",
        )


def _not_authenticated(*, shown: bool) -> HttpProblem:
    what = "this token is unknown, expired or revoked" if shown else "this needs a token"
    return HttpProblem(
        status=401,
        code="NotAuthenticated",
        title="Nobody with a right to ask; nothing was changed",
        detail=f"{what}: an admin makes one with `evenrack token create NAME --role ROLE`; "
        "give it with --token-file FILE, or as the header Authorization: Bearer TOKEN",
        headers={"WWW-Authenticate": 'Bearer realm="evenrack"'},
    )


def _too_often(code: str, title: str, wait: float) -> HttpProblem:
    seconds = math.ceil(wait)
    return HttpProblem(
        status=429,
        code=code,
        title=f"{title}; nothing was changed",
        detail=f"try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )
