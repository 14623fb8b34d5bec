"""The addresses of enrolment secrets and of racks' certificates: made, listed, revoked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource

from evenrack.config.secret_file import Secret
from evenrack.errors import KeyMissing, OutcomeUnknown
from evenrack.model.identifiers import RackId, new_rack_id
from evenrack.model.network_rules import NAME
from evenrack.model.region_endpoints import RegionEndpoints
from evenrack.region.database.engine import Connection
from evenrack.region.database.enrolment_store import (
    Enrolment,
    NameTaken,
    NewEnrolment,
    add_enrolment,
    keep_secret,
    read_enrolments,
    revoke_enrolment,
    secret_cell,
)
from evenrack.region.database.trust_store import (
    active_authority,
    find_rack,
    read_certificates,
    revoke_rack,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.json_pages import HttpProblem, JsonPage, Query, Reply
from evenrack.region.http.object_pages import not_found, only_known, outcome_unknown
from evenrack.region.http.request_body import (
    fields_refused,
    read_fields,
    read_object,
    text,
    whole_number,
)
from evenrack.region.sealing import Sealer
from evenrack.trust.certificates import certificates_from_pem, pin_of
from evenrack.trust.enrolment import SECRET_BYTES, EnrolmentSecret

MOST_USES = 10_000
MOST_MINUTES = 60 * 24 * 30
DEFAULT_MINUTES = 60


@frozen(kw_only=True)
class EnrolmentSources:
    """What the pages need to make secrets."""

    sealer: Sealer
    token_bytes: Callable[[int], bytes]
    endpoints: Callable[[], RegionEndpoints]
    """Where a new rack may dial."""


def enrolment_pages(door: DatabaseDoor, sources: EnrolmentSources) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    answers = _Answers(door, sources)
    return {
        b"enrolments": JsonPage(
            answers.list_all,
            {"POST": answers.create},
            access=ADMINISTER,
            each=lambda name: JsonPage(None, {"DELETE": answers.revoke(name)}, access=ADMINISTER),
        ),
        b"certificates": JsonPage(
            answers.list_certificates,
            access=ADMINISTER,
            each=lambda rack: JsonPage(
                None, {"DELETE": answers.revoke_certificates(rack)}, access=ADMINISTER
            ),
        ),
    }


class _Answers:
    """What is answered about enrolments."""

    def __init__(self, door: DatabaseDoor, sources: EnrolmentSources) -> None:
        self._door = door
        self._sources = sources

    async def list_all(self, query: Query) -> list[dict[str, Any]]:
        only_known(query, ())
        return [_form(found) for found in await self._door.read(read_enrolments)]

    async def create(self, query: Query) -> Reply:
        only_known(query, ())
        reading = {
            "name": _name,
            "rack": text,
            "uses": _between(1, MOST_USES),
            "minutes": _between(1, MOST_MINUTES),
        }
        fields = read_fields(read_object(query), reading, required=("name",))
        secret = Secret(self._sources.token_bytes(SECRET_BYTES))
        lookup = new_rack_id(self._sources.token_bytes)  # the same alphabet and length will do

        def work(connection: Connection) -> tuple[Enrolment, str]:
            pin = _pin(connection)
            number = add_enrolment(connection, _asked(connection, fields, query.asker.who), lookup)
            keep_secret(connection, number, self._sources.sealer.seal(secret, secret_cell(number)))
            (made,) = [each for each in read_enrolments(connection) if each.id == number]
            return made, pin

        try:
            made, pin = await self._door.change(work, query.asked, status=201)
        except NameTaken:
            raise _name_taken(fields["name"]) from None
        except KeyMissing as problem:
            raise _cannot_seal(problem) from None
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None
        told = EnrolmentSecret(lookup=lookup, secret=secret, pin=pin).reveal()
        return Reply(body={**_form(made), "secret": told, "region": self._region()}, status=201)

    def _region(self) -> str | None:
        """Name an address that a new rack may dial."""
        known = self._sources.endpoints()
        return next((str(each) for process in sorted(known) for each in known[process]), None)

    def revoke(self, name: str) -> Callable[[Query], Any]:
        async def answer(query: Query) -> dict[str, Any]:
            only_known(query, ())

            def work(connection: Connection) -> Enrolment:
                found = revoke_enrolment(connection, name)
                if found is None:
                    raise not_found(f'there is no enrolment "{name}"')
                return found

            try:
                return _form(await self._door.change(work, query.asked))
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer

    async def list_certificates(self, query: Query) -> list[dict[str, Any]]:
        only_known(query, ())
        return await self._door.read(read_certificates)

    def revoke_certificates(self, rack: str) -> Callable[[Query], Any]:
        async def answer(query: Query) -> dict[str, Any]:
            only_known(query, ())

            def work(connection: Connection) -> dict[str, Any]:
                found = find_rack(connection, rack)
                if found is None:
                    raise not_found(f'there is no rack "{rack}"')
                return {"rack": found, "revoked": revoke_rack(connection, found)}

            try:
                return await self._door.change(work, query.asked)
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer


def _form(found: Enrolment) -> dict[str, Any]:
    return {
        "name": found.name,
        "state": found.state,
        "rack": found.rack,
        "uses_left": found.uses_left,
        "expires_at": found.expires_at.isoformat(timespec="seconds"),
        "who": found.who,
        "at": found.at.isoformat(timespec="seconds"),
    }


def _asked(connection: Connection, fields: dict[str, Any], who: str) -> NewEnrolment:
    rack: RackId | None = None
    if fields.get("rack") is not None:
        rack = find_rack(connection, fields["rack"])
        if rack is None:
            raise fields_refused([("rack", f'rack: there is no rack "{fields["rack"]}"')])
    return NewEnrolment(
        name=fields["name"],
        who=who,
        rack=rack,
        uses=fields.get("uses") or 1,
        life=timedelta(minutes=fields.get("minutes") or DEFAULT_MINUTES),
    )


def _pin(connection: Connection) -> str:
    authority = active_authority(connection)
    if authority is None:
        raise HttpProblem(
            status=409,
            code="NoAuthority",
            title="The cluster has no authority yet",
            detail="run `evenrack-regiond init` on a region host",
        )
    return pin_of(certificates_from_pem(authority.certificate.encode())[0])


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("must have 1 to 63 letters, digits, dots, dashes or underscores")
    return value


def _between(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not least <= whole_number(value) <= most:
            raise ValueError(f"must be from {least} to {most}")
        return int(value)

    return read


def _name_taken(name: str) -> HttpProblem:
    return HttpProblem(
        status=409,
        code="NameTaken",
        title="Another enrolment has this name; nothing was made",
        detail=f'"{name}" is taken; see `evenrack enrolment list`',
    )


def _cannot_seal(problem: KeyMissing) -> HttpProblem:
    return HttpProblem(
        status=409, code="KeyMissing", title="This host cannot seal secrets", detail=str(problem)
    )
