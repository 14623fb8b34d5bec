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
from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.database.trust_store import (
    active_authority,
    read_certificates,
    revoke_rack,
)
from evenrack.region.http.access import ADMINISTER
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null, text, text_like, whole_number_in
from evenrack.region.http.json_pages import HttpProblem, Query, Reply
from evenrack.region.http.object_pages import not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.request_body import fields_refused
from evenrack.region.http.shapes import COUNT, TEXT, TIME, object_of, rows_of, word_of
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

    def enrolment_page(name: str) -> DeclaredPage:
        revoke = Declared(operation=_REVOKE, answer=answers.revoke(name))
        return DeclaredPage({"DELETE": revoke}, access=ADMINISTER)

    def certificate_page(rack: str) -> DeclaredPage:
        revoke = Declared(operation=_REVOKE_CERTIFICATES, answer=answers.revoke_certificates(rack))
        return DeclaredPage({"DELETE": revoke}, access=ADMINISTER)

    return {
        b"enrolments": DeclaredPage(
            {
                "GET": Declared(operation=_LIST, answer=answers.list_all),
                "POST": Declared(operation=_CREATE, answer=answers.create),
            },
            access=ADMINISTER,
            each=enrolment_page,
            each_is="the name of an enrolment",
        ),
        b"certificates": DeclaredPage(
            {"GET": Declared(operation=_LIST_CERTIFICATES, answer=answers.list_certificates)},
            access=ADMINISTER,
            each=certificate_page,
            each_is="the name or the id of a rack",
        ),
    }


class _Answers:
    """What is answered about enrolments."""

    def __init__(self, door: DatabaseDoor, sources: EnrolmentSources) -> None:
        self._door = door
        self._sources = sources

    async def list_all(self, _query: Query, _asked_for: Asked) -> list[dict[str, Any]]:
        return [_form(found) for found in await self._door.read(read_enrolments)]

    async def create(self, query: Query, asked_for: Asked) -> Reply:
        fields = asked_for.fields
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

    def revoke(self, name: str) -> Callable[[Query, Asked], Any]:
        async def answer(query: Query, _asked_for: Asked) -> dict[str, Any]:

            def work(connection: Connection) -> dict[str, Any]:
                found = revoke_enrolment(connection, name) if NAME.fullmatch(name) else None
                if found is None:
                    raise not_found(f'there is no enrolment "{name}"')
                return _form(found)

            try:
                return await self._door.change(work, query.asked)
            except OutcomeUnknown as problem:
                raise outcome_unknown(problem) from None

        return answer

    async def list_certificates(self, _query: Query, _asked_for: Asked) -> list[dict[str, Any]]:
        return await self._door.read(read_certificates)

    def revoke_certificates(self, rack: str) -> Callable[[Query, Asked], Any]:
        async def answer(query: Query, _asked_for: Asked) -> dict[str, Any]:

            def work(connection: Connection) -> dict[str, Any]:
                try:
                    found = find_rack(connection, rack)
                except NoSuchRack as problem:
                    raise not_found(str(problem)) from None
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
        try:
            rack = find_rack(connection, fields["rack"])
        except NoSuchRack as problem:
            raise fields_refused([("rack", f"rack: {problem}")]) from None
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


_ENROLMENT = {
    "name": TEXT,
    "state": word_of("open", "used up", "expired", "revoked"),
    "rack": or_null(TEXT),
    "uses_left": COUNT,
    "expires_at": TIME,
    "who": TEXT,
    "at": TIME,
}

_LIST = Operation(
    summary="List the enrolments, without their secrets", answer=rows_of(object_of(**_ENROLMENT))
)

_CREATE = Operation(
    summary="Let a rack enrol; the secret is in this answer only",
    body=Body(
        fields={
            "name": text_like(
                NAME, "must have 1 to 63 letters, digits, dots, dashes or underscores"
            ),
            "rack": text,
            "uses": whole_number_in(1, MOST_USES),
            "minutes": whole_number_in(1, MOST_MINUTES),
        },
        required=("name",),
    ),
    answer=object_of(**_ENROLMENT, secret=TEXT, region=or_null(TEXT)),
    status=201,
    is_answered_secret=True,
    problems=(409,),
)

_REVOKE = Operation(
    summary="Revoke an enrolment: nobody can use it any more", answer=object_of(**_ENROLMENT)
)

_LIST_CERTIFICATES = Operation(
    summary="List the certificates of racks, the newest first",
    answer=rows_of(
        object_of(
            serial=TEXT,
            rack=TEXT,
            hostname=or_null(TEXT),
            at=TIME,
            not_after=TIME,
            revoked_at=or_null(TIME),
        )
    ),
)

_REVOKE_CERTIFICATES = Operation(
    summary="Revoke the certificates of a rack: it is cut off",
    answer=object_of(rack=TEXT, revoked=COUNT),
)


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
