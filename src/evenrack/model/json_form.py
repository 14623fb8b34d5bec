"""Frozen values as JSON and back, exactly: nothing is guessed, and nothing left over is ignored."""

from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from types import MappingProxyType
from typing import Any, TypeVar

import attrs
from cattrs import BaseValidationError, Converter, override, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from evenrack.model.bmc_host import BmcHost, HostName, bmc_host_from_text
from evenrack.model.boot import NextServer, next_server_from_text
from evenrack.model.fleet_number import FleetNumber

Value = TypeVar("Value")

LATER: Mapping[str, bool] = MappingProxyType({"left out when it has its default": True})
"""The metadata of a field that came later: programs from before it read what does not use it, and
give it the same fingerprint."""

MOST_TOLD = 3
"""Problems that one error names; a form from a stranger may have any number."""


def has_later(value: Any) -> bool:
    """Tell whether a value says anything in a field that came later."""
    return any(
        field.metadata.items() >= LATER.items() and getattr(value, field.name) != field.default
        for field in attrs.fields(type(value))
    )


def to_json(value: Any) -> Any:
    """Give a value's form on the wire and on disk."""
    return _CONVERTER.unstructure(value)


def from_json(form: Any, kind: type[Value]) -> Value:
    """Read a value of this kind; ValueError when the form is not one."""
    try:
        return _CONVERTER.structure(form, kind)
    except BaseValidationError as problems:
        told = transform_error(problems, path="it", format_exception=_told)
        raise ValueError("; ".join(told[:MOST_TOLD])) from None
    except (ValueError, TypeError, RecursionError) as problem:
        raise ValueError(f"it is no {kind.__name__}: {problem}") from None


def _told(problem: BaseException, _kind: type | None) -> str:
    return str(problem) or type(problem).__name__


def _exactly(kind: type[Value]) -> Any:
    def read(form: Any, _: Any) -> Value:
        if type(form) is not kind:
            raise ValueError(f"{str(form)[:40]!r} is not {kind.__name__}")
        return form

    return read


def _from_text(kind: Any) -> Any:
    def read(form: Any, _: Any) -> Any:
        if not isinstance(form, str):
            raise ValueError(f"{str(form)[:40]!r} is not text")  # noqa: TRY004  one error type
        return kind(form)

    return read


def _or_none(kind: Any) -> Any:
    read_text = _from_text(kind)
    return lambda form, wanted: None if form is None else read_text(form, wanted)


def _value_reader(kind: Any, converter: Converter) -> Any:
    """Make the function that reads a value of ours from an object; cattrs alone takes any form."""
    read_all = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=True, **_names(kind)
    )

    def read(form: Any, wanted: Any) -> Any:
        if not isinstance(form, dict):
            raise ValueError(f"{str(form)[:40]!r} is not an object")  # noqa: TRY004  as above
        return read_all(form, wanted)

    return read


def _list_reader(kind: Any, converter: Converter) -> Any:
    """Make the function that reads a list; cattrs alone would take a text apart by letters."""
    members: Any = list[kind.__args__[0]]

    def read(form: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(form, list):
            raise ValueError(f"{str(form)[:40]!r} is not a list")  # noqa: TRY004  one error type
        return tuple(converter.structure(form, members))

    return read


def _names(kind: Any) -> dict[str, Any]:
    """Give the keys that are not as the fields: a number of the fleet is a `generation`."""
    renamed = {
        field.name: override(rename="generation")
        for field in attrs.fields(kind)
        if field.name == "number" and field.type is FleetNumber
    }
    later = {
        field.name: override(omit_if_default=True)
        for field in attrs.fields(kind)
        if field.metadata.items() >= LATER.items()
    }
    return renamed | later


def _is_value(kind: Any) -> bool:
    return attrs.has(kind) and kind is not FleetNumber


def _make_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, unstruct_collection_overrides={tuple: list})
    for exact in (int, str, bool):
        converter.register_structure_hook(exact, _exactly(exact))
    texts = {
        IPv4Address: IPv4Address,
        IPv4Interface: IPv4Interface,
        IPv4Network: IPv4Network,
        IPv6Address: IPv6Address,
        IPv6Network: IPv6Network,
        FleetNumber: FleetNumber.from_text,
    }
    for kind, read in texts.items():
        converter.register_structure_hook(kind, _from_text(read))
        converter.register_unstructure_hook(kind, str)
    converter.register_structure_hook(IPv4Address | IPv6Address, _from_text(ip_address))
    converter.register_unstructure_hook(IPv4Address | IPv6Address, str)
    converter.register_structure_hook(IPv4Address | IPv6Address | None, _or_none(ip_address))
    converter.register_structure_hook(IPv4Network | IPv6Network, _from_text(ip_network))
    converter.register_unstructure_hook(IPv4Network | IPv6Network, str)
    converter.register_structure_hook(BmcHost, _from_text(bmc_host_from_text))
    converter.register_unstructure_hook(BmcHost, str)
    converter.register_unstructure_hook(HostName, str)
    converter.register_structure_hook(NextServer | None, _or_none(next_server_from_text))
    converter.register_structure_hook_factory(_is_value, _value_reader)
    converter.register_unstructure_hook_factory(
        _is_value, lambda kind, c: make_dict_unstructure_fn(kind, c, **_names(kind))
    )
    converter.register_structure_hook_factory(
        lambda kind: getattr(kind, "__origin__", None) is tuple, _list_reader
    )
    return converter


_CONVERTER = _make_converter()
