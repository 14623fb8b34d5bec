"""The addresses of BMCs and machines. A password is taken in requests, and in no answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.config.secret_file import Secret
from evenrack.errors import KeyMissing, OutcomeUnknown
from evenrack.region.database.bmc_facts import reach_and_owners
from evenrack.region.database.bmc_reading import Kept, Noun, fields_of, find, read_page
from evenrack.region.database.bmc_store import (
    BmcInUse,
    NewPassword,
    ObjectChanged,
    ObjectRefused,
    Wish,
    change,
    create,
    remove,
)
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import HIGHEST_ID, NoSuchObject
from evenrack.region.database.order_store import last_states
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, Query, Reply
from evenrack.region.http.object_pages import (
    LIST_LENGTH,
    MOST_IN_A_LIST,
    NounAnswers,
    NounPage,
    bad_request,
    changed_meanwhile,
    condition_of,
    not_found,
    only_known,
    outcome_unknown,
)
from evenrack.region.http.request_body import (
    Read,
    address,
    fields_refused,
    nullable,
    read_fields,
    read_object,
    reference,
    text,
    whole_number,
)
from evenrack.region.sealing import Sealer


@frozen(kw_only=True)
class _Kind:
    """What can be asked and said of one kind of object."""

    noun: Noun
    plural: str
    """Its address under /api/v1, and the key of a list."""
    fields: Mapping[str, Read]
    """What can be set."""
    required: tuple[str, ...]
    filters: tuple[str, ...] = ()
    """By what a list can be narrowed."""


def one_of(*choices: str | int) -> Read:
    """Make the function that reads one of these."""

    def read_choice(value: Any) -> str | int:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(f"must be {' or '.join(map(str, choices))}")

    return read_choice


def password(value: Any) -> Secret:
    """Read a text that nothing shows from here on."""
    return Secret(text(value).encode())


_BMCS = _Kind(
    noun="bmc",
    plural="bmcs",
    fields={
        "name": text,
        "driver": one_of("ipmitool"),
        "address": address,
        "port": whole_number,
        "user": text,
        "password": password,
        "cipher_suite": nullable(one_of(17, 3)),
    },
    required=("name", "driver", "address", "user", "password"),
)

_MACHINES = _Kind(
    noun="machine",
    plural="machines",
    fields={"name": text, "bmc": reference},
    required=("name", "bmc"),
    filters=("bmc",),
)


def bmc_pages(door: DatabaseDoor, sealer: Sealer) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    return {
        kind.plural.encode(): NounPage(_Answers(kind, door, sealer).all, access=OPERATE)
        for kind in (_BMCS, _MACHINES)
    }


class _Answers:
    """What is answered about one kind of object."""

    def __init__(self, kind: _Kind, door: DatabaseDoor, sealer: Sealer) -> None:
        self._kind = kind
        self._door = door
        self._sealer = sealer

    @property
    def all(self) -> NounAnswers:
        return NounAnswers(
            list_all=self._list_all,
            create=self._create,
            read_one=self._read_one,
            change=self._change,
            remove=self._remove,
        )

    async def _list_all(self, query: Query) -> dict[str, Any]:
        kind = self._kind
        only_known(query, ("after", "limit", *kind.filters))
        after = query.whole_number("after", 0, most=HIGHEST_ID) or 0
        limit = query.whole_number("limit", LIST_LENGTH, most=MOST_IN_A_LIST) or 0
        bmc = query.arguments.get("bmc")

        def work(connection: Connection) -> list[dict[str, Any]]:
            of = None if bmc is None else _argument(connection, "bmc", bmc)
            # one more than asked tells whether anything follows
            found = read_page(connection, kind.noun, after=after, limit=limit + 1, of=of)
            facts = facts_of(connection, kind.noun)
            return [object_form(each, facts) for each in found]

        found = await self._door.read(work)
        shown = found[:limit]
        more = len(found) > limit
        return {
            kind.plural: shown,
            "next": (shown[-1]["id"] if shown else after) if more else None,
        }

    async def _create(self, query: Query) -> Reply:
        kind = self._kind
        only_known(query, ())
        wish = self._wish(read_fields(read_object(query), kind.fields, required=kind.required))
        made = await self._write(lambda c: create(c, kind.noun, wish), query, status=201)
        reply = _reply(made)
        location = {"Location": f"/api/v1/{kind.plural}/{made['id']}"}
        return Reply(body=reply.body, status=201, headers={**reply.headers, **location})

    def _read_one(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            only_known(query, ())
            try:
                noun = self._kind.noun
                return _reply(await self._door.read(lambda c: _formed(c, find(c, noun, name))))
            except NoSuchObject as problem:
                raise not_found(str(problem)) from None

        return answer

    def _change(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = condition_of(query)
            noun = self._kind.noun
            wish = self._wish(read_fields(read_object(query), self._kind.fields))
            return _reply(
                await self._write(lambda c: change(c, noun, name, wish, if_number=seen), query)
            )

        return answer

    def _remove(self, name: str) -> Callable[[Query], Awaitable[Reply]]:
        async def answer(query: Query) -> Reply:
            seen = condition_of(query)
            noun = self._kind.noun
            gone = await self._write(lambda c: remove(c, noun, name, if_number=seen), query)
            return Reply(body=gone)

        return answer

    def _wish(self, fields: dict[str, Any]) -> Wish:
        clear = fields.pop("password", None)
        on_bmc = fields.pop("bmc", None)
        sealed_with = None if clear is None else NewPassword(clear=clear, sealer=self._sealer)
        return Wish(fields=fields, password=sealed_with, bmc=on_bmc)

    async def _write(
        self, work: Callable[[Connection], Kept], query: Query, *, status: int = 200
    ) -> dict[str, Any]:
        try:
            return await self._door.change(
                lambda c: _formed(c, work(c)), query.asked, status=status
            )
        except NoSuchObject as problem:
            raise not_found(str(problem)) from None
        except ObjectChanged as problem:
            present = problem.present
            form = object_form(present, {})
            raise changed_meanwhile(str(problem), form, present.number) from None
        except ObjectRefused as problem:
            raise fields_refused((each.field, each.sentence) for each in problem.breaches) from None
        except BmcInUse as problem:
            raise _in_use(problem) from None
        except KeyMissing as problem:
            raise _key_missing(problem) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None


def facts_of(connection: Connection, noun: Noun) -> Mapping[str, dict[str, Any]]:
    """Give what is known of each object by its name, beside what was set."""
    return reach_and_owners(connection) if noun == "bmc" else last_states(connection)


def object_form(it: Kept, facts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Give an object as it is shown: its id first, its generation last, its password never."""
    extra: dict[str, Any] = {"password_set": True} if it.noun == "bmc" else {"bmc": it.bmc_name}
    return {
        "id": it.value.id,
        **fields_of(it.value),
        **extra,
        **(_NOTHING_KNOWN[it.noun] | facts.get(it.value.name, {})),
        "generation": str(it.number),
    }


_NOTHING_KNOWN: Mapping[Noun, dict[str, Any]] = {
    "bmc": {"owner": None, "reach": []},
    "machine": {"power": "unknown", "power_seen": None},
}


def _formed(connection: Connection, it: Kept) -> dict[str, Any]:
    return object_form(it, facts_of(connection, it.noun))


def _reply(form: dict[str, Any]) -> Reply:
    return Reply(body=form, headers={"ETag": f'"{form["generation"]}"'})


def _argument(connection: Connection, noun: Noun, name: str) -> Kept:
    try:
        return find(connection, noun, name)
    except NoSuchObject as problem:
        raise bad_request(f"{noun}: {problem}") from None


def _in_use(problem: BmcInUse) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="BmcInUse",
        title="The BMC switches a machine; nothing was changed",
        detail=str(problem),
    )


def _key_missing(problem: KeyMissing) -> HttpProblem:
    """Say so in the way that makes the client ask another region process, which may have it."""
    return HttpProblem(
        status=503,
        code="KeyMissing",
        title="This host cannot encrypt passwords; nothing was changed",
        detail=str(problem),
    )
