"""The addresses of tokens: who may ask over HTTP. A token itself is in one answer only."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from twisted.web.resource import Resource

from evenrack.errors import OutcomeUnknown
from evenrack.model.network_rules import NAME
from evenrack.region.database.token_store import (
    ROLES,
    NoSuchToken,
    Role,
    TokenNameTaken,
    create_token,
    read_tokens,
    revoke_token,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.bearer import RANDOM_BYTES, hash_of, holds_token, new_token
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, JsonPage, Query, Reply
from evenrack.region.http.object_pages import not_found, only_known, outcome_unknown
from evenrack.region.http.request_body import read_fields, read_object, text, whole_number

LIFE_DAYS = 90
MOST_DAYS = 366


def token_pages(door: DatabaseDoor, token_bytes: Callable[[int], bytes]) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door, token_bytes)
    return {
        b"tokens": JsonPage(
            answers.list_all,
            {"POST": answers.create},
            access=ADMINISTER,
            each=lambda name: JsonPage(
                answers.read_one(name), {"DELETE": answers.revoke(name)}, access=ADMINISTER
            ),
        )
    }


class _Answers:
    """What is answered about tokens."""

    def __init__(self, door: DatabaseDoor, token_bytes: Callable[[int], bytes]) -> None:
        self._door = door
        self._token_bytes = token_bytes

    async def list_all(self, query: Query) -> list[dict[str, Any]]:
        only_known(query, ())
        return await self._door.read(read_tokens)

    async def create(self, query: Query) -> Reply:
        only_known(query, ())
        reading = {"name": _name, "role": _role, "days": _days}
        fields = read_fields(read_object(query), reading, required=("name", "role"))
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

    def read_one(self, name: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        async def answer(query: Query) -> dict[str, Any]:
            only_known(query, ())
            _check(name)
            for token in await self._door.read(lambda c: read_tokens(c, name)):
                return token
            raise not_found(f'no token is called "{name}"')

        return answer

    def revoke(self, name: str) -> Callable[[Query], Awaitable[dict[str, Any]]]:
        async def answer(query: Query) -> dict[str, Any]:
            only_known(query, ())
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


def _name(value: Any) -> str:
    if NAME.fullmatch(text(value)) is None:
        raise ValueError("must be 1 to 63 letters, digits, dots, dashes, underscores")
    if holds_token(value):
        raise ValueError("looks like a token; give it a name by which people know its holder")
    return cast("str", value)


def _role(value: Any) -> Role:
    if not isinstance(value, str) or value not in ROLES:
        raise ValueError(f"must be {', '.join(ROLES)}")
    return value


def _days(value: Any) -> int:
    days: int = whole_number(value)
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"must be 1 to {MOST_DAYS}")
    return days


def _taken(problem: TokenNameTaken) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="TokenNameTaken",
        title="A token has this name; nothing was changed",
        detail=str(problem),
    )
