"""What a snippet must fulfil so that it changes nothing outside of the block that it stands in.

dhcpd tells with `-t` whether it understands a text, but takes one that closes the block around it
and opens another. So the text is split into what dhcpd's own lexer sees: words, literals, comments
and signs. It must close what it opens, end where a statement ends, and declare nothing that dhcpd
takes for the whole file or that the inventory is to know.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from attrs import frozen

from evenrack.model.snippet import SnippetLevel

MOST_TEXT_BYTES: Final = 4_000
"""The audit log keeps so much whole, whatever it is."""
MOST_LINE_BYTES: Final = 1_000
"""dhcpd holds a word or a literal of up to 1,500 bytes: no line, so no longer one."""

_GIVES_ADDRESSES: Final = "make a VLAN, subnet, range or reservation instead"
_IS_OURS: Final = "remove it, since evenrack writes this by itself"
_NOT_CHECKED: Final = "write the file's text here, where it is checked and the same on every rack"
_FOR_ALL: Final = "write it in a global snippet, since dhcpd takes it for all VLANs"

NEVER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "include": _NOT_CHECKED,
        **dict.fromkeys(
            (
                *("shared-network", "subnet", "subnet6", "host", "pool", "pool6", "range"),
                *("range6", "prefix6", "fixed-address", "fixed-address6", "fixed-prefix6"),
            ),
            _GIVES_ADDRESSES,
        ),
        **dict.fromkeys(
            (
                *("failover", "omapi-port", "omapi-key", "local-port", "remote-port"),
                *("local-address", "local-address6", "lease-file-name", "pid-file-name"),
                "interface",
                *("dhcpv6-lease-file-name", "dhcpv6-pid-file-name", "server-identifier"),
            ),
            _IS_OURS,
        ),
    }
)
"""Words that no snippet may have, and what to do instead."""

ONLY_GLOBAL: Final = frozenset(
    {"class", "subclass", "vendor-class", "user-class", "group", "key", "zone"}
)
"""What dhcpd knows by its name everywhere, wherever it is declared."""

_BEFORE_OPTIONS: Final = frozenset({"option", "config-option", "exists", "."})
"""After these dhcpd takes any word for the name of an option."""

_CONTINUES: Final = frozenset({"else", "elsif", "elseif"})
_ENDS: Final = frozenset({";", "}"})

_TOKEN: Final = re.compile(
    r"""[ \t]+ | \#.* | (?P<literal>"(?:[^"\\]|\\.)*") | (?P<word>[A-Za-z0-9_-]+) | (?P<sign>.)""",
    re.VERBOSE,
)
_STRANGE: Final = re.compile(r"[^\t\x20-\x7e]")


@frozen
class _Token:
    line: int
    text: str


def problem_in(text: str, level: SnippetLevel) -> str | None:
    """Say what is wrong with a snippet's text, in which line, and what to do; None when nothing."""
    if len(text) > MOST_TEXT_BYTES:
        return f"it has more than {MOST_TEXT_BYTES:,} characters; make several of it"
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        problem = _problem_in_line(line)
        if problem is not None:
            return f"line {number}: {problem}"
    tokens = list(_tokens(lines))
    if not tokens:
        return "it has no statement; write one, or delete the snippet"
    return next(_problems_of(tokens, level), None)


def _problem_in_line(line: str) -> str | None:
    if len(line) > MOST_LINE_BYTES:
        return f"it has more than {MOST_LINE_BYTES:,} characters; break it where there is a space"
    strange = _STRANGE.search(line)
    if strange is None:
        return None
    if strange.group() == "\r":
        return "it has a carriage return; save the text with Unix line ends"
    return (
        f"the character U+{ord(strange.group()):04X} is not printable ASCII; remove it, or write "
        "its bytes in a literal as three octal digits each, as in \\303\\274"
    )


def _tokens(lines: list[str]) -> Iterator[_Token]:
    for number, line in enumerate(lines, start=1):
        for found in _TOKEN.finditer(line):
            if found.lastgroup is not None:
                yield _Token(number, found.group())


def _problems_of(tokens: list[_Token], level: SnippetLevel) -> Iterator[str]:
    first, last = tokens[0], tokens[-1]
    if first.text.lower() in _CONTINUES:
        yield f"line {first.line}: {first.text} has no `if` before it; begin with the `if`"
    opened: list[_Token] = []
    for before, token in pairwise((_Token(0, ""), *tokens)):
        problem = _block_problem(token, opened)
        if problem is None and before.text.lower() not in _BEFORE_OPTIONS:
            problem = _word_problem(token, level)
        if problem is not None:
            yield f"line {token.line}: {problem}"
    if opened:
        yield f"line {opened[-1].line}: the {{ is not closed; add a }}"
    if last.text not in _ENDS:
        yield f"line {last.line}: the last statement has no end; add a ;"


def _block_problem(token: _Token, opened: list[_Token]) -> str | None:
    """Go along with the blocks that are open, and say what is wrong with them, or a literal."""
    if token.text == '"':
        return 'a literal has no end in this line; add a ", or split it with `concat`'
    if token.text == "{":
        opened.append(token)
    elif token.text == "}" and opened:
        opened.pop()
    elif token.text == "}":
        return "this } would close what the snippet stands in; remove it, or add the { before it"
    return None


def _word_problem(token: _Token, level: SnippetLevel) -> str | None:
    word = token.text.lower()
    if word in NEVER:
        return f"`{token.text}` cannot stand in a snippet; {NEVER[word]}"
    if word in ONLY_GLOBAL and level != "global":
        return f"`{token.text}` cannot stand here; {_FOR_ALL}"
    return None
