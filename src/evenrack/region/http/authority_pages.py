"""The addresses of the cluster's authorities: who signs certificates, and who did or will.

A new authority is made and named to everybody (`next`), signs once everybody trusts it (`active`),
and the old one is forgotten when nothing of it is in use any more (`retiring`, then gone).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from cryptography.x509 import Certificate
from twisted.web.resource import Resource

from evenrack.errors import KeyMissing, OutcomeUnknown
from evenrack.region.database.engine import Connection
from evenrack.region.database.server_clock import read_clock
from evenrack.region.database.trust_store import (
    StoredAuthority,
    certificates_of,
    drop_authority,
    lock_authorities,
    read_authorities,
    set_state,
    store_authority,
    who_does_not_trust,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import boolean
from evenrack.region.http.json_pages import HttpProblem, Query, Reply
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import (
    Asked,
    Body,
    Declared,
    DeclaredPage,
    Operation,
    yes_or_no,
)
from evenrack.region.http.shapes import COUNT, TEXT, TIME, object_of, rows_of, word_of
from evenrack.region.sealing import Sealer
from evenrack.trust.certificates import (
    certificates_from_pem,
    fingerprint_of,
    new_authority,
    pin_of,
)

MOST_NAMED = 20


def authority_pages(door: DatabaseDoor, sealer: Sealer) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door, sealer)

    def page_of(pin: str) -> DeclaredPage:
        return DeclaredPage(
            {
                "POST": Declared(operation=_ACTIVATE, answer=answers.activate(pin)),
                "DELETE": Declared(operation=_RETIRE, answer=answers.retire(pin)),
            },
            access=ADMINISTER,
        )

    return {
        b"authorities": DeclaredPage(
            {
                "GET": Declared(operation=_LIST, answer=answers.list_all),
                "POST": Declared(operation=_MAKE_NEXT, answer=answers.make_next),
            },
            access=ADMINISTER,
            each=page_of,
            each_is="the pin of an authority, or its beginning",
        )
    }


class _Answers:
    """What is answered about authorities."""

    def __init__(self, door: DatabaseDoor, sealer: Sealer) -> None:
        self._door = door
        self._sealer = sealer

    async def list_all(self, _query: Query, _asked: Asked) -> list[dict[str, Any]]:
        return await self._door.read(_forms)

    async def make_next(self, query: Query, _asked: Asked) -> Reply:
        def work(connection: Connection) -> list[dict[str, Any]]:
            lock_authorities(connection)
            found = read_authorities(connection)
            if any(each.state != "active" for each in found):
                raise _conflict("a rotation is under way: finish it first")
            made = new_authority(read_clock(connection))
            store_authority(connection, self._sealer, made, state="next")
            return _forms(connection)

        return Reply(body=await self._change(work, query, status=201), status=201)

    def activate(self, pin: str) -> Callable[[Query, Asked], Awaitable[object]]:
        async def answer(query: Query, asked: Asked) -> object:
            def work(connection: Connection) -> list[dict[str, Any]]:
                lock_authorities(connection)
                found = read_authorities(connection)
                chosen = _named(found, pin)
                if chosen.state != "next":
                    raise _conflict(f"authority {pin} is {chosen.state}, not next")
                if not asked.fields.get("without_them"):
                    _refuse_untrusted(connection, found)
                for each in found:
                    if each.state == "active":
                        set_state(connection, each.id, "retiring")
                set_state(connection, chosen.id, "active")
                return _forms(connection)

            return await self._change(work, query)

        return answer

    def retire(self, pin: str) -> Callable[[Query, Asked], Awaitable[object]]:
        async def answer(query: Query, asked: Asked) -> object:
            def work(connection: Connection) -> list[dict[str, Any]]:
                lock_authorities(connection)
                chosen = _named(read_authorities(connection), pin)
                if chosen.state == "active":
                    raise _conflict(f"authority {pin} signs now: activate another one first")
                in_use = certificates_of(connection, chosen.id)
                if in_use and chosen.state == "retiring" and not asked.arguments["without_them"]:
                    raise _conflict(
                        f"{in_use} certificates of it are in use still: they are renewed within "
                        "seconds where racks and regions run; see `evenrack authority list`"
                    )
                drop_authority(connection, chosen.id)
                return _forms(connection)

            return await self._change(work, query)

        return answer

    async def _change(
        self, work: Callable[[Connection], list[dict[str, Any]]], query: Query, *, status: int = 200
    ) -> object:
        try:
            return await self._door.change(work, query.asked, status=status)
        except KeyMissing as problem:
            raise _conflict(str(problem)) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


_ALL = rows_of(
    object_of(
        pin=TEXT,
        state=word_of("next", "active", "retiring"),
        certificates=COUNT,
        not_trusted_by=rows_of(TEXT),
        not_after=TIME,
        certificate=TEXT,
    )
)

_LIST = Operation(summary="List the authorities", answer=_ALL)

_MAKE_NEXT = Operation(
    summary="Make the next authority, and name it to everybody",
    body=Body(fields={}),
    answer=_ALL,
    status=201,
    problems=(409,),
)

_ACTIVATE = Operation(
    summary="Let an authority sign",
    body=Body(fields={"without_them": boolean}),
    answer=_ALL,
    problems=(409,),
)

_RETIRE = Operation(
    summary="Forget an authority",
    arguments={"without_them": yes_or_no("also while certificates of it are in use")},
    answer=_ALL,
    problems=(409,),
)


def _forms(connection: Connection) -> list[dict[str, Any]]:
    found = read_authorities(connection)
    waiting = list(who_does_not_trust(connection, _fingerprint(found)))
    return [
        {
            "pin": _pin(each),
            "state": each.state,
            "certificates": certificates_of(connection, each.id),
            "not_trusted_by": waiting if each.state == "next" else [],
            "not_after": _certificate(each).not_valid_after_utc.isoformat(),
            "certificate": each.certificate,
        }
        for each in found
    ]


def _refuse_untrusted(connection: Connection, found: tuple[StoredAuthority, ...]) -> None:
    waiting = who_does_not_trust(connection, _fingerprint(found))
    if waiting:
        named = ", ".join(waiting[:MOST_NAMED])
        raise _conflict(
            f"not all know it yet: {named}; who does not when it signs must be enrolled anew: "
            "wait for them, or go on without them"
        )


def _named(found: tuple[StoredAuthority, ...], pin: str) -> StoredAuthority:
    chosen = [each for each in found if _pin(each).startswith(pin)]
    if len(chosen) != 1:
        raise not_found(f'there is no authority "{pin}"')
    return chosen[0]


def _fingerprint(found: tuple[StoredAuthority, ...]) -> str:
    return fingerprint_of(_certificate(each) for each in found)


def _pin(stored: StoredAuthority) -> str:
    return pin_of(_certificate(stored))[:16]


def _certificate(stored: StoredAuthority) -> Certificate:
    return certificates_from_pem(stored.certificate.encode())[0]


def _conflict(detail: str) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="NotNow",
        title="This cannot be done now; nothing was changed",
        detail=detail,
    )
