"""The addresses of the keys that encrypt secrets: which there are, and how the newest takes over.

Whoever rotates asks for one step after the other until one says `finished`: the first lets the key
encrypt, if every running process has it, and each seals a batch of secrets anew. Any step may be
repeated, and any process may be asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.config.key_file import Key, Keys
from evenrack.errors import OutcomeUnknown
from evenrack.model.identifiers import ProcessId
from evenrack.region.database.engine import Connection
from evenrack.region.database.key_store import (
    KeyOrigin,
    ProcessKeys,
    lock_key_origin,
    read_key_origin,
    read_process_keys,
    write_key_origin,
)
from evenrack.region.database.resealing import (
    Resealed,
    count_by_key,
    not_under,
    reseal,
    wait_for_writers,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import HttpProblem, Query
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import BOOLEAN, COUNT, TEXT, object_of, rows_of, word_of
from evenrack.region.sealing import Sealer

BATCH = 200
"""Secrets sealed anew in one step: some tens of milliseconds, in which their rows are locked."""

MOST_NAMED = 20


def key_pages(door: DatabaseDoor, sealer: Sealer) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door, sealer)

    def page_of(key_id: str) -> DeclaredPage:
        step = Declared(operation=_STEP, answer=answers.step_to(key_id))
        return DeclaredPage({"POST": step}, access=ADMINISTER)

    return {
        b"keys": DeclaredPage(
            {"GET": Declared(operation=_SHOW, answer=answers.show_all)},
            access=ADMINISTER,
            each=page_of,
            each_is="the id of a key",
        )
    }


_KEY = object_of(
    id=TEXT,
    fingerprint=or_null(TEXT),
    state=word_of("encrypts", "needed", "elsewhere", "next", "unused"),
    sealed=COUNT,
    processes=rows_of(TEXT),
    missing_at=rows_of(TEXT),
)

_SHOW = Operation(
    summary="Show the keys that encrypt secrets, and who has them",
    answer=object_of(keys=rows_of(_KEY), newest=or_null(TEXT), damaged=COUNT),
)

_STEP = Operation(
    summary="Do one step of a rotation to a key; repeat it until it says `finished`",
    body=Body(fields={}),
    answer=object_of(
        key=TEXT,
        resealed=COUNT,
        left=COUNT,
        stuck=rows_of(object_of(place=TEXT, why=TEXT)),
        waiting_for=rows_of(TEXT),
        finished=BOOLEAN,
    ),
    problems=(409,),
)


class _Answers:
    """What is answered about keys."""

    def __init__(self, door: DatabaseDoor, sealer: Sealer) -> None:
        self._door = door
        self._sealer = sealer

    async def show_all(self, _query: Query, _asked: Asked) -> dict[str, Any]:
        return await self._door.read(self._shown)

    def step_to(self, key_id: str) -> Callable[[Query, Asked], Awaitable[object]]:
        async def answer(query: Query, _asked: Asked) -> object:
            key = self._sealer.keys.find(key_id)
            if key is None:
                raise not_found(f'this host has no key "{key_id}" in its key file')
            try:
                return await self._door.change(lambda c: self._step(c, key), query.asked)
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer

    def _step(self, connection: Connection, key: Key) -> dict[str, Any]:
        _let_encrypt(connection, key)
        done = reseal(connection, self._sealer_with(key), most=BATCH)
        waiting = [
            each.process
            for each in read_process_keys(connection)
            if each.report.encrypting != key.fingerprint
        ]
        if not done.count and not waiting:
            wait_for_writers(connection)  # of those who began while the old key encrypted
        left = not_under(count_by_key(connection), key.id)
        return {
            "key": key.id,
            "resealed": done.count,
            "left": left,
            "stuck": _stuck(done),
            "waiting_for": waiting,
            "finished": not done.count and not waiting and left == len(done.stuck),
        }

    def _sealer_with(self, key: Key) -> Sealer:
        others = tuple(each for each in self._sealer.keys.all if each != key)
        return Sealer(keys=Keys(all=(key, *others)), token_bytes=self._sealer.token_bytes)

    def _shown(self, connection: Connection) -> dict[str, Any]:
        keys = self._sealer.keys.all
        counts = count_by_key(connection)
        picture = _Picture(
            here=keys,
            encrypting=_encrypting(read_key_origin(connection), keys),
            counts=counts,
            processes=read_process_keys(connection),
        )
        return {
            "keys": picture.forms(),
            "newest": keys[-1].id if keys else None,
            "damaged": counts.get(None, 0),
        }


@frozen(kw_only=True)
class _Picture:
    """What is known of all keys at one moment."""

    here: Sequence[Key]
    encrypting: str | None
    """A fingerprint."""
    counts: Mapping[str | None, int]
    processes: Sequence[ProcessKeys]

    def forms(self) -> list[dict[str, Any]]:
        """Give every key that anyone has or needs: those of this host first, as in its file."""
        here = [key.id for key in self.here]
        elsewhere = {key_id for process in self.processes for key_id in process.report.known}
        needed = {key_id for key_id in self.counts if key_id is not None}
        return [self._form(key_id) for key_id in [*here, *sorted((elsewhere | needed) - {*here})]]

    def _form(self, key_id: str) -> dict[str, Any]:
        fingerprint = self._fingerprint(key_id)
        holding = [each.process for each in self.processes if _has(each, fingerprint)]
        return {
            "id": key_id,
            "fingerprint": fingerprint,
            "state": self._state(key_id, fingerprint),
            "sealed": self.counts.get(key_id, 0),
            "processes": holding,
            "missing_at": [each.process for each in self.processes if each.process not in holding],
        }

    def _fingerprint(self, key_id: str) -> str | None:
        of_host = [key.fingerprint for key in self.here if key.id == key_id]
        told = [each.report.known.get(key_id) for each in self.processes]
        return next((found for found in [*of_host, *told] if found is not None), None)

    def _state(self, key_id: str, fingerprint: str | None) -> str:
        """Say in one word what a key is for."""
        if fingerprint is not None:
            if fingerprint == self.encrypting:
                return "encrypts"
            if any(each.report.encrypting == fingerprint for each in self.processes):
                return "needed"
        if self.counts.get(key_id):
            return "needed"
        order = [key.fingerprint for key in self.here]
        if fingerprint not in order:
            return "elsewhere"
        is_newer = self.encrypting in order[: order.index(fingerprint)]
        return "next" if is_newer else "unused"


def _let_encrypt(connection: Connection, key: Key) -> None:
    """Let this key encrypt from now on; refused while a running process lacks it."""
    origin = lock_key_origin(connection)
    if origin is not None and origin.fingerprint == key.fingerprint:
        return
    processes = read_process_keys(connection)
    missing = [each.process for each in processes if not _has(each, key.fingerprint)]
    if missing:
        raise _not_everywhere(key.id, missing)
    hosts = [each.hostname for each in processes]
    host = origin.host if origin is not None and origin.host in hosts else next(iter(hosts), "")
    write_key_origin(connection, KeyOrigin(fingerprint=key.fingerprint, host=host))


def _has(process: ProcessKeys, fingerprint: str | None) -> bool:
    return fingerprint in process.report.known.values()


def _encrypting(origin: KeyOrigin | None, keys: Sequence[Key]) -> str | None:
    """Give the fingerprint of the key that encrypts; before one was chosen it is the first."""
    if origin is not None:
        return origin.fingerprint
    return keys[0].fingerprint if keys else None


def _stuck(done: Resealed) -> list[dict[str, str]]:
    return [{"place": str(each.cell), "why": each.why} for each in done.stuck[:MOST_NAMED]]


def _not_everywhere(key_id: str, missing: Sequence[ProcessId]) -> HttpProblem:
    named = ", ".join(missing[:MOST_NAMED])
    return HttpProblem(
        status=409,
        code="KeyNotEverywhere",
        title="Not every region process has this key; nothing was changed",
        detail=(
            f'key "{key_id}" is not in the key file of {named}: copy the file to every region '
            "host; its processes read it again within 2 s"
        ),
        more={"missing_at": list(missing)},
    )
