"""From a configuration file to a frozen settings class, reporting every problem at once.

A settings class is an attrs class: types say what a setting is, validators what range it has
(both are asked for each setting, whatever is wrong with the others), and `RULES` which settings
must agree. A setting without a default is required; one with `repr=False` is never shown.
`RETIRED` has the settings of earlier versions, and what to do about each; `WHEN_MISSING` says what
to do when there is no file at all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import GenericAlias, MappingProxyType
from typing import Any, TypeVar, get_args, get_origin

import attrs
from attrs import NOTHING, Attribute, frozen
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationNote,
    override,
)
from cattrs.gen import make_dict_structure_fn

from evenrack.config.file_text import MISSING, read_file_text
from evenrack.config.plain_values import (
    TextOrNone,
    as_boolean,
    as_float,
    as_float_or_off,
    as_hidden_text,
    as_host_port,
    as_integer,
    as_path,
    as_text,
    as_text_or_none,
)
from evenrack.config.plain_yaml import parse_yaml
from evenrack.config.quoting import shown_key, wrong_kind
from evenrack.errors import ConfigurationRefused
from evenrack.model.host_port import HostPort

MOST_BYTES = 1 << 20

SettingsT = TypeVar("SettingsT")
Read = Callable[[Any, Any], Any]
"""cattrs' kind of function: the plain value and the wanted type to the typed value."""


@frozen
class Rule:
    """Something that several settings of one section must fulfil together.

    `settings` are paths inside the section: `port`, `rpc.port`. `findings` gets their values, in
    this order, and gives (path, sentence) pairs. It is asked only when all of them could be read,
    but also when other settings could not.
    """

    settings: tuple[str, ...]
    findings: Callable[..., Iterable[tuple[str, str]]]


def load_settings(
    path: Path,
    settings: type[SettingsT],
    *,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> SettingsT:
    """Read a file into a settings class, or raise ConfigurationRefused with every problem.

    `defaults` holds values for settings of the outermost section that the file leaves out and
    that only the caller knows.
    """
    file = read_file_text(path, most_bytes=MOST_BYTES)
    if file.problem:
        cure = getattr(settings, "WHEN_MISSING", "") if file.problem == MISSING else ""
        raise ConfigurationRefused(path, [f"{file.problem}{cure and '; '}{cure}"])
    parsed = parse_yaml(file.text)
    if not parsed.understood:
        raise ConfigurationRefused(path, parsed.problems)
    values = {} if parsed.value is None else parsed.value
    if isinstance(values, dict):
        values = {**defaults, **values}
    problems = list(parsed.problems)
    try:
        result = _CONVERTER.structure(values, settings)
    except (BaseValidationError, ValueError) as error:
        problems += _sentences(error, "", settings)
    else:
        if not problems:
            return result
    raise ConfigurationRefused(path, problems)  # outside: cattrs' errors hold the values


# How the converter reads


def _section_reader(section: Any, converter: Converter) -> Read:
    """Make the function that reads one settings class from a mapping."""
    overrides: dict[str, Any] = {
        attribute.name: override(struct_hook=_setting_reader(attribute, converter))
        for attribute in attrs.fields(section)
    }
    read_all: Read = make_dict_structure_fn(
        section,
        converter,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
        **overrides,
    )
    rules: tuple[Rule, ...] = getattr(section, "RULES", ())

    def read_section(value: Any, _: Any) -> Any:
        mapping = {} if value is None else value  # a section with every line commented out
        if not isinstance(mapping, dict):
            raise wrong_kind(mapping, "a section of settings")
        found = [each for rule in rules for each in _broken(rule, section, mapping, converter)]
        try:
            result = read_all(mapping, section)
        except ClassValidationError as error:
            found = [*error.exceptions, *found]
        else:
            if not found:
                return result
        raise ClassValidationError(section.__name__, found, section)

    return read_section


def _setting_reader(attribute: "Attribute[Any]", converter: Converter) -> Read:
    """Make the function that reads one setting and holds it against its validator."""
    kind = attribute.type
    read: Read = (
        _without_kind(as_hidden_text)
        if attribute.repr is False
        else converter.get_structure_hook(kind)
    )

    def read_setting(value: Any, _: Any) -> Any:
        result = read(value, kind)
        if attribute.validator is not None:
            attribute.validator(None, attribute, result)
        return result

    return read_setting


def _broken(
    rule: Rule, section: Any, mapping: Mapping[Any, Any], converter: Converter
) -> Iterator[Exception]:
    """Give what one rule finds wrong, each as an error that knows its path."""
    try:
        values = [_value_at(path, section, mapping, converter) for path in rule.settings]
    except (BaseValidationError, ValueError):
        return  # told already, by the setting itself
    for path, sentence in rule.findings(*values):
        problem = ValueError(sentence)
        problem.add_note(AttributeValidationNote("rule", path, None))
        yield problem


def _value_at(path: str, section: Any, mapping: Any, converter: Converter) -> Any:
    """Read one setting alone, whatever is wrong with those around it."""
    name, _, inner = path.partition(".")
    attribute = attrs.fields_dict(section)[name]
    if not isinstance(mapping, dict):
        raise wrong_kind(mapping, "a section of settings")
    if inner:
        inner_mapping = mapping.get(name)
        inner_mapping = {} if inner_mapping is None else inner_mapping
        return _value_at(inner, attribute.type, inner_mapping, converter)
    if name in mapping:
        return _setting_reader(attribute, converter)(mapping[name], None)
    if attribute.default is NOTHING:
        raise ValueError("required")
    return attribute.default


def _tuple_reader(kind: Any, converter: Converter) -> Read:
    """Make the function that reads a list; cattrs alone would take a text apart by letters."""
    members: Any = GenericAlias(list, get_args(kind)[:1])

    def read_tuple(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise wrong_kind(value, "a list, as in [first, second],")
        return tuple(converter.structure(value, members))

    return read_tuple


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _without_kind(read: Callable[[Any], Any]) -> Read:
    """Drop the wanted type that cattrs hands over; the function knows it."""
    return lambda value, _: read(value)


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    converter.register_structure_hook_factory(attrs.has, _section_reader)
    converter.register_structure_hook_factory(_is_tuple, _tuple_reader)
    plain: Mapping[Any, Callable[[Any], Any]] = {
        bool: as_boolean,
        int: as_integer,
        float: as_float,
        str: as_text,
        TextOrNone: as_text_or_none,
        Path: as_path,
        HostPort: as_host_port,
    }
    for kind, read in plain.items():
        converter.register_structure_hook(kind, _without_kind(read))
    converter.register_structure_hook(float | None, _without_kind(as_float_or_off))
    return converter


_CONVERTER = _make_converter()


# How the problems are told


def _sentences(error: Exception, path: str, root: type) -> Iterator[str]:
    """Give one sentence for each leaf of the error, beginning with its path."""
    match error:
        case ForbiddenExtraKeysError():
            for key in sorted(error.extra_fields, key=shown_key):
                yield f"{_joined(path, shown_key(key))}: {_no_setting(key, error.cl, root)}"
        case BaseValidationError():
            for each in error.exceptions:
                yield from _sentences(each, _joined(path, _step(each)), root)
        case KeyError():
            yield f"{path}: is required, and missing"
        case _:
            yield f"{path}: {error}" if path else f"the file {error}"


def _joined(path: str, step: str) -> str:
    return f"{path}.{step}" if path and step and not step.startswith("[") else f"{path}{step}"


def _step(error: Exception) -> str:
    """Give the part of the path that cattrs or a rule noted on an error."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]"
    return ""


def _no_setting(key: Any, section: type, root: type) -> str:
    """Say what is wrong with a key that is no setting, or none any more."""
    retired: Mapping[Any, str] = getattr(section, "RETIRED", {})
    return retired.get(key) or f"unknown setting{_suggestion(key, section, root)}"


def _suggestion(key: Any, section: type, root: type) -> str:
    """Name the setting that was probably meant: alike in this section, or the same elsewhere."""
    if not isinstance(key, str):
        return ""
    alike = get_close_matches(key, [each.name for each in attrs.fields(section)], n=1)
    elsewhere = [path for path in setting_paths(root) if path.rpartition(".")[2] == key]
    meant = [*alike, *elsewhere]
    return f"; did you mean {meant[0]}?" if meant else ""


def setting_paths(settings: type) -> Iterator[str]:
    """Give the path of every setting that a file for this class may hold: `rpc.port`."""
    for attribute in attrs.fields(settings):
        if isinstance(attribute.type, type) and _is_section(attribute.type):
            yield from (f"{attribute.name}.{inner}" for inner in setting_paths(attribute.type))
        else:
            yield attribute.name


def _is_section(kind: type) -> bool:
    return attrs.has(kind) and kind is not HostPort
