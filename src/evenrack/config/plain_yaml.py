"""YAML text to plain values, with line and column of everything that cannot be one.

Configuration files need only sections, lists, texts, numbers and true or false. References and
tags are refused: they would bring cycles, documents that grow without end, and types of their own.
"""

import re
from typing import Any, cast

import yaml
from attrs import frozen
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from evenrack.config.quoting import shown_key

_QUOTED = re.compile(r"(['\"])(.*?)\1", re.DOTALL)
_HARMLESS = re.compile(r"<[a-z ]+>|.|\\[a-zU\\][0-9a-f]{0,8}")  # kind of token, or one character


@frozen(kw_only=True)
class ParsedText:
    """What a text says, and what is wrong with it."""

    value: Any
    problems: tuple[str, ...]
    understood: bool
    """False when the text is not YAML, so that there is no value to look at."""


def parse_yaml(text: str) -> ParsedText:
    """Read one document; a setting that is there twice is a problem, since YAML would hide one."""
    repeated: list[str] = []
    try:
        value = _PlainLoader(text, repeated).get_single_data()
    except yaml.YAMLError as error:
        problem = _sentence(error, text)
    except RecursionError:
        problem = "is nested too deeply"
    else:
        return ParsedText(value=value, problems=tuple(repeated), understood=True)
    return ParsedText(value=None, problems=(problem,), understood=False)


class _PlainLoader(yaml.SafeLoader):
    """A safe loader without references and tags that notes settings given twice."""

    def __init__(self, text: str, repeated: list[str]) -> None:
        super().__init__(text)
        self._repeated = repeated

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, "references (*name) are refused", mark)
        if getattr(event, "tag", None) not in {None, "!"}:
            raise ComposerError(None, None, "tags (!name) are refused", mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's signature
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError):  # 2001-02-31, 0x_, 5,000 digits
            unusable = "this is no usable number or date; if it is meant as text, put it in quotes"
            raise ConstructorError(None, None, unusable, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        lines: dict[tuple[str, Any], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused later, as an unusable key
            line = key.start_mark.line + 1
            if (key.tag, key.value) in lines:
                first = lines[key.tag, key.value]
                self._repeated.append(
                    f"line {line}: {shown_key(key.value)} is already set on line {first}"
                )
            else:
                lines[key.tag, key.value] = line
        return cast("dict[Any, Any]", super().construct_mapping(node, deep))


def _sentence(error: yaml.YAMLError, text: str) -> str:
    """Say what YAML stumbled over; texts in its own words are cut out, they may be secret."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return f"line {line}, column {column}: a character that YAML does not allow"
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem is None:
        return "is not YAML"
    context = f"{error.context}, " if error.context and error.problem.startswith("but ") else ""
    problem = _QUOTED.sub(_without_content, f"{context}{error.problem}")
    mark = error.problem_mark
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _without_content(quotation: re.Match[str]) -> str:
    return quotation[0] if _HARMLESS.fullmatch(quotation[2]) else "this"
