"""The kinds of values in requests: each reads a value, and says in JSON Schema what it takes.

A field is declared once: requests are read by it, and the OpenAPI document is made from it.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Any

from attrs import evolve, frozen

from evenrack.model.bmc_host import HOST_NAME_PATTERN, BmcHost, bmc_host_from_text
from evenrack.model.boot import next_server_from_text
from evenrack.model.findings import shown
from evenrack.model.network6_rules import duid_from_text
from evenrack.model.network_rules import NAME
from evenrack.model.reservation_rules import mac_from_text

Read = Callable[[Any], Any]
"""From the plain JSON value to the typed one; ValueError says what is wrong, without the field."""

Schema = Mapping[str, Any]
"""JSON Schema of 2020-12, as OpenAPI 3.1 has it."""


@frozen(kw_only=True)
class Field:
    """How one value is read, and what is written in the document about it."""

    read: Read
    schema: Schema

    def __call__(self, value: Any) -> Any:
        return self.read(value)

    def but(self, **schema: Any) -> "Field":
        """Give the same, with what the rules behind it check besides; they say so themselves."""
        return evolve(self, schema={**self.schema, **schema})


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {kind_of(value)}")  # noqa: TRY004  one error type
    if "\0" in value:
        raise ValueError("must not hold the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not hold half of a surrogate pair") from None
    return value


def _read_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {kind_of(value)}")  # noqa: TRY004  as above
    return value


def _without_point(value: Any) -> Any:
    """Take 7.0 for 7, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_whole_number(value: Any) -> int:
    value = _without_point(value)
    if type(value) is not int:
        raise ValueError(f"must be a whole number, not {kind_of(value)}")
    return value


def _read_reference(value: Any) -> str | int:
    value = _without_point(value)
    if type(value) is int:
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be a name or an id, not {kind_of(value)}")  # noqa: TRY004  as above
    return _read_text(value)


def _read_address(value: Any) -> IPv4Address:
    try:
        return IPv4Address(_read_text(value))
    except ValueError as problem:
        raise ValueError(_not_this(value, problem, "an IPv4 address, as in 10.0.0.1")) from None


def _read_network(value: Any) -> IPv4Network:
    wanted = "an IPv4 network, as in 10.0.0.0/24"
    try:
        written = IPv4Network(_read_text(value), strict=False)
    except ValueError as problem:
        raise ValueError(_not_this(value, problem, wanted)) from None
    if "/" not in value:
        raise ValueError(f"{shown(value)} has no prefix; give {wanted}")
    if str(written.network_address) != value.partition("/")[0]:
        raise ValueError(f"{shown(value)} is an address in a network; the network is {written}")
    return written


def _read_either_address(value: Any) -> IPv4Address | IPv6Address:
    if not _looks_like_ipv6(value):
        return _read_address(value)
    try:
        return IPv6Address(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not an IPv6 address, as in fd00::1") from None


def _read_bmc_host(value: Any) -> BmcHost:
    written = _read_text(value)
    try:
        return bmc_host_from_text(written)
    except ValueError as problem:
        raise ValueError(f"{shown(written)} cannot be: it {problem}") from None


def _read_either_network(value: Any) -> IPv4Network | IPv6Network:
    if not _looks_like_ipv6(value):
        return _read_network(value)
    wanted = "an IPv6 network, as in fd00::/64"
    written, slash, prefix = value.partition("/")
    try:
        network = IPv6Network((written, int(prefix)), strict=False) if slash else None
    except ValueError:
        raise ValueError(f"{shown(value)} is not {wanted}") from None
    if network is None:
        raise ValueError(f"{shown(value)} has no prefix; give {wanted}")
    if str(network.prefixlen) != prefix:
        raise ValueError(f"{shown(value)} is not {wanted}")
    if network.network_address != IPv6Address(written):
        raise ValueError(f"{shown(value)} is an address in a network; the network is {network}")
    return network


def _looks_like_ipv6(value: Any) -> bool:
    """Neither an IPv4 address within one of IPv6, nor one of a single link, is taken."""
    return isinstance(value, str) and ":" in value and not {".", "%"} & {*value}


_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_ADDRESS6 = "|".join(
    [
        rf"(?:{_GROUP}:){{7}}{_GROUP}",
        *(rf"(?:{_GROUP}:){{1,{7 - n}}}(?::{_GROUP}){{1,{n}}}" for n in range(1, 7)),
        rf"(?:{_GROUP}:){{1,7}}:",
        rf":(?::{_GROUP}){{1,7}}",
        "::",
    ]
)
_PREFIX6 = "(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"


def _card(sign: str) -> str:
    return rf"[0-9A-Fa-f][02468ACEace](?:{sign}[0-9A-Fa-f]{{2}}){{5}}"


_NO_NUL = "^[^\\u0000]*$"

text = Field(read=_read_text, schema={"type": "string", "pattern": _NO_NUL})
"""A text that PostgreSQL can hold."""

name = text.but(pattern=f"^{NAME.pattern}$")
"""A name as the rules of the inventory want it; they check it."""

boolean = Field(read=_read_boolean, schema={"type": "boolean"})

whole_number = Field(read=_read_whole_number, schema={"type": "integer"})
"""A whole number of any size."""

reference = Field(read=_read_reference, schema={"type": ["string", "integer"], "pattern": _NO_NUL})
"""The name or the id of another object."""

address = Field(
    read=_read_address, schema={"type": "string", "format": "ipv4", "pattern": f"^{_ADDRESS}$"}
)

next_server = Field(
    read=lambda value: next_server_from_text(_read_text(value)),
    schema={"type": "string", "pattern": f"^(?:{_ADDRESS}|rack)$"},
)
"""An IPv4 address, or `rack`."""

network = Field(
    read=_read_network,
    schema={"type": "string", "pattern": f"^{_ADDRESS}/(?:3[0-2]|[12]?[0-9])$"},
)
"""An IPv4 network with its prefix; that no host's bit is set, no pattern can say."""

either_address = Field(
    read=_read_either_address,
    schema={"type": "string", "pattern": f"^(?:{_ADDRESS}|{_ADDRESS6})$"},
)
"""An address of IPv4 or IPv6."""

bmc_host = Field(
    read=_read_bmc_host,
    schema={
        "type": "string",
        "pattern": f"^(?:{_ADDRESS}|{_ADDRESS6}|{HOST_NAME_PATTERN})$",
    },
)
"""Where a BMC is: an address of either family, or a name."""

either_network = Field(
    read=_read_either_network,
    schema={
        "type": "string",
        "pattern": f"^(?:{_ADDRESS}/(?:3[0-2]|[12]?[0-9])|(?:{_ADDRESS6})/{_PREFIX6})$",
    },
)
"""A network of IPv4 or IPv6 with its prefix."""

duid = Field(
    read=lambda value: duid_from_text(_read_text(value)),
    schema={"type": "string", "pattern": "^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){2,129}$"},
)
"""What a DHCPv6 client calls itself."""

mac = Field(
    read=lambda value: mac_from_text(_read_text(value)),
    schema={
        "type": "string",
        "pattern": f"^(?:{_card(':')}|{_card('-')})$",
        "not": {"pattern": "^00(?:[:-]00){5}$"},
    },
)
"""The address of a network card."""


def whole_number_in(least: int, most: int) -> Field:
    """Make the field of a whole number with limits."""

    def read(value: Any) -> int:
        number = _read_whole_number(value)
        if not least <= number <= most:
            raise ValueError(f"must be {least} to {most}")
        return number

    return Field(read=read, schema={"type": "integer", "minimum": least, "maximum": most})


def text_like(pattern: re.Pattern[str], wanted: str) -> Field:
    """Make the field of a text that matches as a whole; `wanted` says what must be."""

    def read(value: Any) -> str:
        if pattern.fullmatch(_read_text(value)) is None:
            raise ValueError(wanted)
        return str(value)

    return Field(read=read, schema={"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


def one_of(*choices: str | int) -> Field:
    """Make the field that takes one of these."""
    between = " or " if len(choices) <= 2 else ", "  # noqa: PLR2004  two

    def read(value: Any) -> str | int:
        value = _without_point(value)
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(f"must be {between.join(map(str, choices))}")

    return Field(read=read, schema={"enum": list(choices)})


def list_of(each: Field, *, least: int = 0, most: int) -> Field:
    """Make the field of a list of at least and at most so many."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {kind_of(value)}")  # noqa: TRY004  as above
        if len(value) < least:
            raise ValueError("name at least one")
        if len(value) > most:
            raise ValueError(f"has {len(value)} entries, and at most {most} are taken")
        return tuple(each.read(one) for one in value)

    schema = {"type": "array", "items": each.schema, "minItems": least, "maxItems": most}
    return Field(read=read, schema=schema)


def nullable(field: Field) -> Field:
    """Make the field that also takes null."""
    return Field(
        read=lambda value: None if value is None else field.read(value),
        schema=or_null(field.schema),
    )


def or_null(schema: Schema) -> Schema:
    """Allow null too."""
    return {"anyOf": [schema, {"type": "null"}]}


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value in a sentence."""
    return "null" if value is None else _KINDS[type(value)]


def _not_this(value: Any, problem: ValueError, wanted: str) -> str:
    return f"{shown(value)} is not {wanted}" if isinstance(value, str) else str(problem)


_KINDS: Mapping[type, str] = MappingProxyType(
    {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number with a fraction",
    }
)
