"""Requests that come again with their key: they are done once, and answered as they were.

The key is claimed in the transaction that makes the change, and the answer is kept in it too. An
answer that says what is wrong keeps no key: nothing was changed, so the same request may be tried
again. An answer with a secret is kept nowhere.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import define, evolve, field, frozen

from evenrack.errors import DatabaseUnreachable, KeyMissing, OutcomeUnknown
from evenrack.region.database.engine import Connection
from evenrack.region.database.request_keys import (
    KeptRequest,
    claim_key,
    find_request,
    hold_key,
    keep_answer,
)
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, Query, Reply, reply_of
from evenrack.region.http.object_pages import key_missing, outcome_unknown
from evenrack.region.request_marks import AskedRequest, key_id_of
from evenrack.region.sealing import KeySource

REPEATED = "answered as before, by its Idempotency-Key; nothing was done again"

RETRY_SECONDS = 1
"""After which who repeats a request that is under way may ask again."""


@frozen(kw_only=True)
class AnsweredBefore(Exception):
    """The request was done before; nothing is done again."""

    reply: Reply


@frozen(kw_only=True)
class Keyed:
    """A request with a key, as its operation declares it."""

    key: str
    request: AskedRequest
    holds_secret: bool
    """Whether the request does."""
    is_answered_secret: bool
    """Whether its answer holds one."""


class Repeating:
    """Answers requests with keys."""

    def __init__(self, door: DatabaseDoor, keys: KeySource) -> None:
        self._door = door
        self._keys = keys

    async def once(
        self, keyed: Keyed, query: Query, answer: Callable[[], Awaitable[object]]
    ) -> object:
        """Have a request answered, or give the answer that it had before."""
        if query.asked is None:
            raise AssertionError("only what changes something has a key")
        claim = _Claim(keyed=keyed, who=query.asker.who, keys=self._keys)
        try:
            await self._door.read(claim.look)  # what the page would look at is other by now
            query.asked.claim = claim
            return await self._done(claim, answer)
        except AnsweredBefore as before:
            query.asked.data = {**query.asked.data, "repeated": REPEATED}
            return before.reply

    async def _done(self, claim: "_Claim", answer: Callable[[], Awaitable[object]]) -> Reply:
        """Do it; AnsweredBefore where it was done while the page looked, whatever that saw."""
        try:
            reply = reply_of(await answer())
            if not claim.is_kept:  # there was nothing to change
                await self._door.change(lambda c: claim.take_and_keep(c, reply))
        except OutcomeUnknown as problem:
            refusal = _may_be_sent_again(outcome_unknown(problem))
        except HttpProblem as problem:
            refusal = _may_be_sent_again(problem)
        else:
            return reply
        with suppress(DatabaseUnreachable):
            await self._door.read(claim.look)
        raise refusal


@define(kw_only=True)
class _Claim:
    """The claim of one request to its key (`audit_trail.KeyClaim`)."""

    keyed: Keyed
    who: str
    keys: KeySource = field(repr=False)
    is_kept: bool = False

    def look(self, connection: Connection) -> None:
        """See whether it was done before; AnsweredBefore, HttpProblem."""
        found = find_request(connection, self.who, self.keyed.key)
        if found is not None:
            self._answer_again(found)

    def take(self, connection: Connection) -> None:
        """Take the key for the change that follows; AnsweredBefore, HttpProblem."""
        if not hold_key(connection, self.who, self.keyed.key):
            raise _under_way()
        if not claim_key(connection, self.who, self.keyed.key, self._mark()):
            self.look(connection)
            raise AssertionError("who is not the first finds who was")

    def keep(self, connection: Connection, answer: object, status: int) -> None:
        """Keep what is answered, after the change."""
        if not self.keyed.is_answered_secret:
            kept = reply_of(answer, status)
            text = json.dumps([kept.status, dict(kept.headers), kept.body])
            keep_answer(connection, self.who, self.keyed.key, text)
        self.is_kept = True

    def take_and_keep(self, connection: Connection, reply: Reply) -> None:
        """Do both, where nothing was to be changed."""
        self.take(connection)
        self.keep(connection, reply, reply.status)

    def _answer_again(self, found: KeptRequest) -> None:
        if not self._is_of_this(found.mark):
            raise _reused()
        if found.answer is None:
            raise _not_kept()
        status, headers, body = json.loads(found.answer)
        raise AnsweredBefore(reply=Reply(status=status, headers=headers, body=body))

    def _mark(self) -> str:
        if not self.keyed.holds_secret:
            return self.keyed.request.plain_mark()
        key = self.keys.first
        if key is None:
            raise key_missing(KeyMissing(None))
        return self.keyed.request.keyed_mark(key.id, key.content.reveal())

    def _is_of_this(self, mark: str) -> bool:
        key_id = key_id_of(mark)
        if key_id is None:
            return mark == self.keyed.request.plain_mark()
        key = self.keys.find(key_id)
        if key is None:
            raise key_missing(KeyMissing(key_id))
        return mark == self.keyed.request.keyed_mark(key_id, key.content.reveal())


def _reused() -> HttpProblem:
    detail = (
        "Idempotency-Key: this key came with another request before: give each request a key of "
        "its own, and the same one only when it is repeated"
    )
    return HttpProblem(
        status=422,
        code="KeyReused",
        title="The key belongs to another request; nothing was changed",
        detail=detail,
        more={"errors": [{"field": "Idempotency-Key", "detail": detail}]},
    )


def _may_be_sent_again(refusal: HttpProblem) -> HttpProblem:
    """Say of an unknown outcome what the key is good for."""
    if refusal.code != OutcomeUnknown.__name__:
        return refusal
    detail = f"sent again with its key, this is done once; without it: {refusal.detail}"
    return evolve(refusal, detail=detail)


def _under_way() -> HttpProblem:
    return HttpProblem(
        status=503,
        code="StillUnderWay",
        title="This request came before and is being done",
        detail="send it again with its key in a moment: then it is answered as it was",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _not_kept() -> HttpProblem:
    return HttpProblem(
        status=409,
        code="AnswerNotKept",
        title="This was done before; nothing was done again",
        detail="the answer held a secret, which is kept nowhere: revoke what was made, and make "
        "another one with a key of its own",
    )
