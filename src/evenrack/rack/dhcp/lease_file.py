"""Reads the file in which dhcpd writes down its leases, dhcpd.leases(5). Pure, line by line.

The file only grows, until dhcpd writes it anew: of several entries of an address the last counts.
dhcpd may be in the middle of an entry while it is read, and a full disk may have cut one short:
what has no closing bracket is no entry. Nothing here raises, whatever the bytes are, and nothing is
read twice.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses
from typing import Any, Final, TypeVar

from evenrack.model.dhcp_lease import (
    LATEST,
    LEASE_STATES,
    MOST_TEXT_CHARACTERS,
    DhcpLease,
    LeaseAddress,
)

MOST_LINE_BYTES: Final = 64 * 1024
"""dhcpd writes each statement on a line of its own; a longer one is damage, and is skipped."""

MOST_WORDS: Final = 16
"""Of one statement: more than any that is understood here has."""

_MOST_OF_A_TEXT: Final = 4 * MOST_TEXT_CHARACTERS
"""Bytes of a text that are looked at: each may stand there as four, `\\ooo`."""

WORDS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{};]|#.*|[^\s"{};#]+')
_BEGINS: Final = re.compile(rb"lease\s+(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\s*\{")
_ESCAPED: Final = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_DATE: Final = re.compile(rb"(\d{4})/(\d{1,2})/(\d{1,2})")
_CLOCK: Final = re.compile(rb"(\d{1,2}):(\d{1,2}):(\d{1,2})")
_SECONDS: Final = re.compile(rb"\d{1,12}")
_MAC: Final = re.compile(rb"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){0,19}")

Network = TypeVar("Network", IPv4Network, IPv6Network)

_LETTERS: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"b": b"\b"}


def leases_in(
    chunks: Iterable[bytes], networks: Sequence[IPv4Network]
) -> dict[LeaseAddress, DhcpLease]:
    """Give the newest entry of each address within these networks."""
    is_wanted = within(networks)
    return {lease.address: lease for lease in entries_in(chunks, is_wanted)}


def entries_in(
    chunks: Iterable[bytes], is_wanted: Callable[[IPv4Address], bool] = lambda _: True
) -> Iterator[DhcpLease]:
    """Give each whole entry, in the order of the file."""
    reader = _Reader(is_wanted)
    for line in lines_in(chunks):
        yield from reader.read(line)


def lines_in(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces of any length into lines; one that is too long, or not finished, is left out."""
    parts: list[bytes] = []
    held = 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        held += len(first)
        if held <= MOST_LINE_BYTES:
            parts.append(first)
        if others:
            if held <= MOST_LINE_BYTES:
                yield b"".join(parts)
            yield from (line for line in others[:-1] if len(line) <= MOST_LINE_BYTES)
            parts, held = [others[-1][: MOST_LINE_BYTES + 1]], len(others[-1])


class _Reader:
    """Follows the brackets; an entry is what stands directly within those of a `lease`."""

    def __init__(self, is_wanted: Callable[[IPv4Address], bool]) -> None:
        self._is_wanted = is_wanted
        self._words: list[bytes] = []
        self._depth = 0
        self._entry: dict[str, Any] | None = None

    def read(self, line: bytes) -> Iterator[DhcpLease]:
        """Take one more line; give the entries that end on it."""
        if _BEGINS.match(line):
            # dhcpd begins an entry at the margin and nothing else there: what is open was cut short
            self._words, self._depth, self._entry = [], 0, None
        elif self._skips(line):
            return
        for word in WORDS.findall(line):
            if word == b"}":
                yield from self._close()
            else:
                self._take(word)

    def _skips(self, line: bytes) -> bool:
        """Tell whether a line can be passed over: a plain one of what nobody asked for."""
        if self._entry is not None or self._depth == 0:
            return False
        return b"{" not in line and b"}" not in line

    def _take(self, word: bytes) -> None:
        if word == b";":
            self._end_statement()
        elif word == b"{":
            self._open()
        elif not word.startswith(b"#") and len(self._words) < MOST_WORDS:
            self._words.append(word)

    def _open(self) -> None:
        if self._depth == 0 and len(self._words) == 2 and self._words[0] == b"lease":  # noqa: PLR2004
            address = _address(self._words[1])
            if address is not None and self._is_wanted(address):
                self._entry = {"address": address}
        self._words = []
        self._depth += 1

    def _close(self) -> Iterator[DhcpLease]:
        self._words = []
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._entry is not None:
            yield DhcpLease(**self._entry)
            self._entry = None

    def _end_statement(self) -> None:
        words, self._words = self._words, []
        if self._entry is not None and self._depth == 1 and words:
            read = _STATEMENTS.get(words[0])
            if read is not None:
                self._entry.update(read(words[1:]))


def _starts(words: Sequence[bytes]) -> dict[str, Any]:
    return {"starts": time_of(words)}


def _ends(words: Sequence[bytes]) -> dict[str, Any]:
    return {"ends": time_of(words), "never_ends": words[:1] == [b"never"]}


def _heard(words: Sequence[bytes]) -> dict[str, Any]:
    return {"heard": time_of(words)}


def _binding(words: Sequence[bytes]) -> dict[str, Any]:
    """Read `binding state WORD`; what is to follow it (`next binding state`) is not meant."""
    state = _text(words[1]) if len(words) > 1 and words[0] == b"state" else ""
    return {"state": state} if state in LEASE_STATES else {}


def _abandoned(_words: Sequence[bytes]) -> dict[str, Any]:
    return {"state": "abandoned"}


def _hardware(words: Sequence[bytes]) -> dict[str, Any]:
    """Read `hardware TYPE ADDRESS`: whatever the type of the network is."""
    given = words[1] if len(words) > 1 else b""
    return {"mac": given.decode().lower()} if _MAC.fullmatch(given) else {}


def _hostname(words: Sequence[bytes]) -> dict[str, Any]:
    return {"hostname": _text(words[0])} if words else {}


def _variable(words: Sequence[bytes]) -> dict[str, Any]:
    """Read `set vendor-class-identifier = TEXT`, which is there when a configuration says so."""
    if words[:2] == [b"vendor-class-identifier", b"="] and len(words) > 2:  # noqa: PLR2004
        return {"vendor_class": _text(words[2])}
    return {}


_STATEMENTS: Final[dict[bytes, Callable[[Sequence[bytes]], dict[str, Any]]]] = {
    b"starts": _starts,
    b"ends": _ends,
    b"cltt": _heard,
    b"binding": _binding,
    b"abandoned": _abandoned,
    b"hardware": _hardware,
    b"client-hostname": _hostname,
    b"set": _variable,
}


def time_of(words: Sequence[bytes]) -> int | None:
    """Read `4 2026/11/26 10:11:12` or `epoch 1795687872`; None for `never` and what is no time."""
    if words[:1] == [b"epoch"]:
        given = words[1] if len(words) > 1 else b""
        seconds = int(given) if _SECONDS.fullmatch(given) else LATEST + 1
    else:
        seconds = _date(b" ".join(words[1:3]))
    return seconds if 0 <= seconds <= LATEST else None


def _date(text: bytes) -> int:
    day, _, clock = text.partition(b" ")
    of_day, of_clock = _DATE.fullmatch(day), _CLOCK.fullmatch(clock)
    if of_day is None or of_clock is None:
        return -1
    try:
        numbers = [int(number) for number in (*of_day.groups(), *of_clock.groups())]
        return int(datetime(*numbers, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]  # six
    except ValueError:
        return -1


def unescaped(word: bytes) -> bytes:
    """Read the bytes of a word, in quotation marks or not."""
    plain = word[1:].removesuffix(b'"') if word.startswith(b'"') else word
    return _ESCAPED.sub(_unescape, plain[:_MOST_OF_A_TEXT])


def _text(word: bytes) -> str:
    return unescaped(word).decode(errors="replace")[:MOST_TEXT_CHARACTERS]


def _unescape(found: re.Match[bytes]) -> bytes:
    what = found[1]
    if what[:1].isdigit() and what < b"8":
        return bytes([int(what, 8) & 0xFF])
    return _LETTERS.get(what, what)


def _address(word: bytes) -> IPv4Address | None:
    try:
        return IPv4Address(word.decode())
    except ValueError:
        return None


def within(networks: Sequence[Network]) -> Callable[[Any], bool]:
    """Make the test of an address, which is done a hundred thousand times for one file."""
    apart = sorted(collapse_addresses(networks))
    firsts = [int(each.network_address) for each in apart]
    lasts = [int(each.broadcast_address) for each in apart]

    def is_wanted(address: Any) -> bool:
        place = bisect_right(firsts, int(address)) - 1
        return place >= 0 and int(address) <= lasts[place]

    return is_wanted
