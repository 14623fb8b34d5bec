"""The addresses of BMCs and machines. A secret is taken in requests, and is in no answer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.web.resource import Resource

from evenrack.config.secret_file import Secret
from evenrack.errors import KeyMissing
from evenrack.model.bmc import Bmc
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.host_port import HIGHEST_PORT, LOWEST_PORT
from evenrack.model.power import (
    K_G_DIGITS,
    MOST_K_G_BYTES,
    MOST_NAME_CHARACTERS,
    MOST_PASSWORD_BYTES,
    MOST_USER_BYTES,
    fingerprint_from_text,
)
from evenrack.region.database.bmc_facts import reach_and_owners
from evenrack.region.database.bmc_reading import Kept, Noun, fields_of, find, read_page
from evenrack.region.database.bmc_store import (
    BmcInUse,
    NewSecret,
    ObjectChanged,
    ObjectRefused,
    Wish,
    change,
    create,
    remove,
)
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import NoSuchObject
from evenrack.region.database.state_store import last_states
from evenrack.region.http.bmc_import_pages import bmc_import_page, machine_import_page
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import (
    Field,
    bmc_host,
    boolean,
    name,
    nullable,
    one_of,
    or_null,
    reference,
    text,
    whole_number,
)
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.noun_pages import Form, Kind, noun_page
from evenrack.region.http.object_pages import bad_request, changed_meanwhile, key_missing
from evenrack.region.http.request_body import fields_refused
from evenrack.region.http.shapes import TEXT, TIME, rows_of, word_of
from evenrack.region.sealing import Sealer
from evenrack.runtime.thinking import Think

password = Field(
    read=lambda value: Secret(text(value).encode()),
    schema={**text.schema, "minLength": 1, "maxLength": MOST_PASSWORD_BYTES, "writeOnly": True},
)
"""A text that nothing shows from here on."""

_MOST_K_G_CHARACTERS = len(K_G_DIGITS) + 2 * MOST_K_G_BYTES

k_g = Field(
    read=password.read,
    schema={**text.schema, "minLength": 1, "maxLength": _MOST_K_G_CHARACTERS, "writeOnly": True},
)

certificate_sha256 = Field(
    read=lambda value: fingerprint_from_text(text(value)),
    schema={**text.schema, "pattern": "^[0-9A-Fa-f]{64}$|^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$"},
)


def _long_name(value: Any) -> str:
    found: str = text(value)
    if not 0 < len(found) <= MOST_NAME_CHARACTERS:
        raise ValueError(f"must have 1 to {MOST_NAME_CHARACTERS} characters")
    return found


_LONG_NAME = Field(
    read=_long_name, schema={**text.schema, "minLength": 1, "maxLength": MOST_NAME_CHARACTERS}
)

_NAME = name.but(**{"not": {"pattern": "^[0-9]+$"}})

_BMCS = Kind(
    noun="bmc",
    plural="bmcs",
    fields={
        "name": _NAME,
        "driver": one_of("ipmi", "ipmitool", "redfish"),
        "address": bmc_host,
        "port": whole_number.but(minimum=LOWEST_PORT, maximum=HIGHEST_PORT),
        "user": text.but(minLength=1, maxLength=MOST_USER_BYTES),
        "password": password,
        "cipher_suite": nullable(one_of(17, 3)),
        "privilege": one_of("user", "operator", "administrator"),
        "boot_type": one_of("uefi", "legacy"),
        "k_g": nullable(k_g),
        "login": one_of("session", "basic"),
        "system": nullable(_LONG_NAME),
        "certificate_sha256": nullable(certificate_sha256),
        "certificate_name": nullable(_LONG_NAME),
    },
    required=("name", "driver", "address", "user", "password"),
    hidden=("password", "k_g"),
    more={
        "password_set": {"const": True},
        "k_g_set": boolean.schema,
        "owner": or_null(TEXT),
        "reach": rows_of(TEXT),
    },
    removal_problems=(409,),
)

_MACHINES = Kind(
    noun="machine",
    plural="machines",
    fields={"name": _NAME, "bmc": reference},
    required=("name", "bmc"),
    filters=("bmc",),
    more={
        "bmc": TEXT,
        "power": word_of("on", "off", "unknown"),
        "power_seen": or_null(TIME),
        "power_seen_by": or_null(TEXT),
        "power_error": or_null(TEXT),
    },
    removal_problems=(409,),
)


def bmc_pages(door: DatabaseDoor, sealer: Sealer, think: Think) -> dict[bytes, Resource]:
    """Make the pages under /api/v1."""
    bmcs = {b"import": bmc_import_page(door, think, sealer, _BMCS.fields)}
    machines = {b"import": machine_import_page(door, think)}
    return {
        b"bmcs": noun_page(_BMCS, _Store("bmc", sealer), door, below=bmcs),
        b"machines": noun_page(_MACHINES, _Store("machine", sealer), door, below=machines),
    }


class _Store:
    """BMCs, or machines."""

    def __init__(self, noun: Noun, sealer: Sealer) -> None:
        self._noun = noun
        self._sealer = sealer

    def read_page(
        self, connection: Connection, *, after: int, limit: int, within: Mapping[str, str]
    ) -> list[Form]:
        bmc = within.get("bmc")
        of = None if bmc is None else _argument(connection, "bmc", bmc)
        found = read_page(connection, self._noun, after=after, limit=limit, of=of)
        facts = facts_of(connection, self._noun)
        return [object_form(each, facts) for each in found]

    def find(self, connection: Connection, name: str) -> Form:
        return _formed(connection, find(connection, self._noun, name))

    def create(self, connection: Connection, fields: dict[str, Any]) -> Form:
        with _refusals_told(connection):
            return _formed(connection, create(connection, self._noun, self._wish(fields)))

    def change(
        self, connection: Connection, name: str, fields: dict[str, Any], seen: FleetNumber | None
    ) -> Form:
        wish = self._wish(fields)
        with _refusals_told(connection):
            changed = change(connection, self._noun, name, wish, if_number=seen)
            return _formed(connection, changed)

    def remove(self, connection: Connection, name: str, seen: FleetNumber | None) -> Form:
        with _refusals_told(connection):
            return _formed(connection, remove(connection, self._noun, name, if_number=seen))

    def _wish(self, fields: dict[str, Any]) -> Wish:
        plain = {name: v for name, v in fields.items() if name not in {"password", "k_g", "bmc"}}
        return Wish(
            fields=plain,
            password=self._sealed(fields.get("password")),
            k_g=self._sealed(fields.get("k_g")),
            no_k_g="k_g" in fields and fields["k_g"] is None,
            bmc=fields.get("bmc"),
        )

    def _sealed(self, clear: Secret | None) -> NewSecret | None:
        return None if clear is None else NewSecret(clear=clear, sealer=self._sealer)


@contextmanager
def _refusals_told(connection: Connection) -> Iterator[None]:
    try:
        yield
    except ObjectChanged as problem:
        present = problem.present
        form = _formed(connection, present)
        raise changed_meanwhile(str(problem), form, present.number) from None
    except ObjectRefused as problem:
        raise fields_refused((each.field, each.sentence) for each in problem.breaches) from None
    except BmcInUse as problem:
        raise _in_use(problem) from None
    except KeyMissing as problem:
        raise key_missing(problem) from None


def facts_of(connection: Connection, noun: Noun) -> Mapping[str, dict[str, Any]]:
    """Give what is known of each object by its name, beside what was set."""
    return reach_and_owners(connection) if noun == "bmc" else last_states(connection)


def object_form(it: Kept, facts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Give an object as it is shown: its id first, its generation last, its password never."""
    extra: dict[str, Any] = (
        {"password_set": True, "k_g_set": it.value.k_g_set}
        if isinstance(it.value, Bmc)
        else {"bmc": it.bmc_name}
    )
    return {
        "id": it.value.id,
        **fields_of(it.value),
        **extra,
        **(_NOTHING_KNOWN[it.noun] | facts.get(it.value.name, {})),
        "generation": str(it.number),
    }


_NOTHING_KNOWN: Mapping[Noun, dict[str, Any]] = {
    "bmc": {"owner": None, "reach": []},
    "machine": {
        "power": "unknown",
        "power_seen": None,
        "power_seen_by": None,
        "power_error": None,
    },
}


def _formed(connection: Connection, it: Kept) -> dict[str, Any]:
    return object_form(it, facts_of(connection, it.noun))


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
