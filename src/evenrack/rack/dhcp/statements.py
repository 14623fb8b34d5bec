"""Statements of dhcpd.conf(5) as text, from typed values: none of them can become syntax.

`dhcpd -t` accepts every injection, so the guard is here: text of a person goes into a file only as
`Quoted`, and everything else is a number, an address, or matches a pattern.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from attrs import Attribute, field, frozen

MOST_LITERAL_BYTES = 1024
"""dhcpd's own limit lies above it; option 12 may be longer than 255 bytes (RFC 3396)."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_DUID = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2,129}")
_AS_THEMSELVES = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')
_LITERAL = [chr(each) if each in _AS_THEMSELVES else f"\\{each:03o}" for each in range(256)]


@frozen(kw_only=True)
class Quoted:
    """A string literal; ValueError when it has more than 1,024 bytes."""

    what: str
    """Whose text it is, for the error: `the hostname of reservation 7`."""
    content: bytes = field(repr=False)

    @content.validator
    def _check(self, _: "Attribute[bytes]", content: bytes) -> None:
        if len(content) > MOST_LITERAL_BYTES:
            raise ValueError(
                f"{self.what} has {len(content):,} bytes; "
                f"dhcpd is given at most {MOST_LITERAL_BYTES:,}"
            )

    def __str__(self) -> str:
        return '"' + "".join([_LITERAL[byte] for byte in self.content]) + '"'


def quoted(text: str, what: str) -> Quoted:
    """Make a literal of any text, as UTF-8; ValueError names `what` when it cannot be one."""
    try:
        return Quoted(what=what, content=text.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{what} has half a character (a surrogate)") from None


@frozen
class Name:
    """An identifier of ours: letters, digits, dots, underscores, hyphens; otherwise ValueError."""

    text: str = field()

    @text.validator
    def _check(self, _: "Attribute[str]", text: str) -> None:
        if _NAME.fullmatch(text) is None:
            raise ValueError(f"{text[:40]!a} is not a name for dhcpd")

    def __str__(self) -> str:
        return self.text


@frozen(kw_only=True)
class HardwareAddress:
    """The address of a network card; ValueError unless it has six pairs in small letters."""

    what: str
    """Whose it is, for the error."""
    text: str = field()

    @text.validator
    def _check(self, _: "Attribute[str]", text: str) -> None:
        if _MAC.fullmatch(text) is None:
            raise ValueError(f"{self.what}: {text[:40]!a} is not of the form 52:54:00:12:34:56")

    def __str__(self) -> str:
        return self.text


@frozen(kw_only=True)
class ClientDuid:
    """What a DHCPv6 client calls itself; ValueError unless it is 3 to 130 pairs of digits."""

    what: str
    """Whose it is, for the error."""
    text: str = field()

    @text.validator
    def _check(self, _: "Attribute[str]", text: str) -> None:
        if _DUID.fullmatch(text) is None:
            raise ValueError(f"{self.what}: {text[:40]!a} is not 3 to 130 pairs of digits")

    def __str__(self) -> str:
        return self.text


@frozen
class HexBytes:
    """Bytes of ours, in hexadecimal with colons."""

    content: bytes

    def __str__(self) -> str:
        return self.content.hex(":")


Value = int | IPv4Address | IPv6Address | Quoted | Name | HardwareAddress | ClientDuid | HexBytes


def words(keyword: str, *values: Value) -> str:
    """Join a keyword, which is never a person's text, and values: `range 10.0.0.5 10.0.0.9`."""
    return " ".join([keyword, *map(str, values)])


def statement(keyword: str, *values: Value) -> str:
    """Write one statement as a line."""
    return f"{words(keyword, *values)};\n"


def value_list(keyword: str, values: Sequence[Value]) -> str:
    """Write one statement with a list of values, in the order given; nothing for none."""
    return f"{keyword} {', '.join(map(str, values))};\n" if values else ""


def block(heading: str, *parts: str) -> str:
    """Put statements and blocks between braces; a literal has no line ends, so each is indented."""
    lines = "".join(parts).replace("\n", "\n  ")
    return f"{heading} {{\n  {lines[:-2]}}}\n" if lines else f"{heading} {{\n}}\n"
