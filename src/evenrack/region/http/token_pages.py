"""The addresses of tokens: who may ask over HTTP. A token itself is in one answer only."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.network_rules import NAME
from evenrack.region.database.token_store import (
    ROLES,
    NoSuchToken,
    TokenNameTaken,
    create_token,
    read_tokens,
    revoke_token,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.bearer import RANDOM_BYTES, hash_of, holds_token, new_token
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import Field, one_of, or_null, text_like, whole_number_in
from evenrack.region.http.json_pages import HttpProblem, Query, Reply
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import TEXT, TIME, object_of, rows_of, word_of

LIFE_DAYS = 90
MOST_DAYS = 366


def token_pages(door: DatabaseDoor, token_bytes: Callable[[int], bytes]) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door, token_bytes)

    def page_of(name: str) -> DeclaredPage:
        return DeclaredPage(
            {
                "GET": Declared(operation=_SHOW, answer=answers.read_one(name)),
                "DELETE": Declared(operation=_REVOKE, answer=answers.revoke(name)),
            },
            access=ADMINISTER,
        )

    return {
        b"tokens": DeclaredPage(
            {
                "GET": Declared(operation=_LIST, answer=answers.list_all),
                "POST": Declared(operation=_CREATE, answer=answers.create),
            },
            access=ADMINISTER,
            each=page_of,
            each_is="the name of a token",
        )
    }


class _Answers:
    """What is answered about tokens."""

    def __init__(self, door: DatabaseDoor, token_bytes: Callable[[int], bytes]) -> None:
        self._door = door
        self._token_bytes = token_bytes

    async def list_all(self, _query: Query, _asked: Asked) -> list[dict[str, Any]]:
        return await self._door.read(read_tokens)

    async def create(self, query: Query, asked: Asked) -> Reply:
        fields = asked.fields
        token = new_token(self._token_bytes(RANDOM_BYTES))
        try:
            kept = await self._door.change(
                lambda c: create_token(
                    c,
                    name=fields["name"],
                    role=fields["role"],
                    days=fields.get("days", LIFE_DAYS),
                    digest=hash_of(token),
                    who=query.asker.who,
                ),
                query.asked,
                status=201,
            )
        except TokenNameTaken as problem:
            raise _taken(problem) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None
        location = f"/api/v1/tokens/{kept['name']}"
        shown = {**kept, "token": token.reveal().decode()}
        return Reply(body=shown, status=201, headers={"Location": location})

    def read_one(self, name: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(_query: Query, _asked: Asked) -> dict[str, Any]:
            _check(name)
            for token in await self._door.read(lambda c: read_tokens(c, name)):
                return token
            raise not_found(f'no token is called "{name}"')

        return answer

    def revoke(self, name: str) -> Callable[[Query, Asked], Awaitable[dict[str, Any]]]:
        async def answer(query: Query, _asked: Asked) -> dict[str, Any]:
            _check(name)
            try:
                return await self._door.change(lambda c: revoke_token(c, name), query.asked)
            except NoSuchToken as problem:
                raise not_found(str(problem)) from None
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer


def _check(name: str) -> None:
    """Refuse what is no name before PostgreSQL has to."""
    if NAME.fullmatch(name) is None:
        raise not_found("no token has this name: names have letters, digits, dots, dashes")


_NAME = text_like(NAME, "must be 1 to 63 letters, digits, dots, dashes, underscores")


def _read_name(value: Any) -> Any:
    name = _NAME(value)
    if holds_token(name):
        raise ValueError("looks like a token; give it a name by which people know its holder")
    return name


_TOKEN = {
    "name": TEXT,
    "role": word_of(*ROLES),
    "state": word_of("good", "expired", "revoked"),
    "created_by": TEXT,
    "created_at": TIME,
    "expires_at": TIME,
    "revoked_at": or_null(TIME),
}

_LIST = Operation(
    summary="List the tokens, without the tokens themselves", answer=rows_of(object_of(**_TOKEN))
)

_SHOW = Operation(summary="Show a token, without the token itself", answer=object_of(**_TOKEN))

_CREATE = Operation(
    summary="Make a token; it is in this answer only",
    body=Body(
        fields={
            "name": Field(read=_read_name, schema=_NAME.schema),
            "role": one_of(*ROLES),
            "days": whole_number_in(1, MOST_DAYS),
        },
        required=("name", "role"),
    ),
    answer=object_of(**_TOKEN, token=TEXT),
    status=201,
    is_answered_secret=True,
    headers=("Location",),
    problems=(409,),
)

_REVOKE = Operation(summary="Revoke a token: it counts no more", answer=object_of(**_TOKEN))


def _taken(problem: TokenNameTaken) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="TokenNameTaken",
        title="A token has this name; nothing was changed",
        detail=str(problem),
    )
