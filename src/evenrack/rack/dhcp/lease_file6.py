"""Reads the file in which `dhcpd -6` writes down its leases, dhcpd.leases(5). Pure, line by line.

An entry is what one client has under one identity (`ia-na`), with each address of it. As with
`lease_file` of several entries of an address the last counts, what was cut short is no entry, and
nothing here raises, whatever the bytes are. Delegated prefixes (`ia-pd`) are no leases here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final, Literal

from evenrack.model.dhcp_lease import LEASE_STATES, MOST_DUID_BYTES, DhcpLease, LeaseAddress
from evenrack.rack.dhcp.lease_file import MOST_WORDS, WORDS, lines_in, time_of, unescaped, within

# dhcpd begins an entry at the margin, and nothing of one stands there but its last bracket
_BEGINS: Final = re.compile(rb"[a-z]")
_KINDS: Final = (b"ia-na", b"ia-ta")
_IAID_BYTES: Final = 4
_OF_A_CARD: Final = {10: b"\0\3\0\1", 14: b"\0\1\0\1"}
"""How a DUID of so many bytes begins whose end is an Ethernet card: DUID-LL and DUID-LLT."""
_CARD_BYTES: Final = 6

_Order = Literal["little", "big"]


def leases6_in(
    chunks: Iterable[bytes], networks: Sequence[IPv6Network]
) -> dict[LeaseAddress, DhcpLease]:
    """Give the newest entry of each address within these networks."""
    reader = _Reader6(within(networks))
    return {lease.address: lease for line in lines_in(chunks) for lease in reader.read(line)}


def lease6_in(entry: bytes, address: IPv6Address) -> DhcpLease | None:
    """Read the lease of this address out of one entry, or what stands before it in the file."""
    return leases6_in([entry], [IPv6Network(address)]).get(address)


class _Reader6:
    """Follows the brackets: addresses stand within those of an identity, and nothing deeper."""

    def __init__(self, is_wanted: Callable[[IPv6Address], bool]) -> None:
        self._is_wanted = is_wanted
        self._order: _Order = "little"
        """In which the host wrote the number of each identity: the file says so, once."""
        self._words: list[bytes] = []
        self._depth = 0
        self._client: dict[str, Any] | None = None
        self._entry: dict[str, Any] | None = None

    def read(self, line: bytes) -> Iterator[DhcpLease]:
        """Take one more line; give the leases that end on it."""
        if _BEGINS.match(line):
            self._words, self._depth, self._client, self._entry = [], 0, None, None
        for word in WORDS.findall(line):
            if word == b"}":
                yield from self._close()
            elif word == b"{":
                self._open()
            elif word == b";":
                self._end_statement()
            elif not word.startswith(b"#") and len(self._words) < MOST_WORDS:
                self._words.append(word)

    def _open(self) -> None:
        words, self._words = self._words, []
        if self._depth == 0 and len(words) == 2 and words[0] in _KINDS:  # noqa: PLR2004
            self._client = _client(unescaped(words[1]), self._order)
        elif self._depth == 1 and len(words) == 2 and words[0] == b"iaaddr":  # noqa: PLR2004
            address = _address(words[1])
            if self._client is not None and address is not None and self._is_wanted(address):
                self._entry = {"address": address}
        self._depth += 1

    def _close(self) -> Iterator[DhcpLease]:
        self._words = []
        self._depth = max(0, self._depth - 1)
        if self._depth == 1 and self._entry is not None and self._client is not None:
            yield DhcpLease(**self._client, **self._entry)
            self._entry = None
        elif self._depth == 0:
            self._client = None

    def _end_statement(self) -> None:
        words, self._words = self._words, []
        if words[:1] == [b"authoring-byte-order"]:
            self._order = "big" if words[1:2] == [b"big-endian"] else "little"
        elif words[:1] == [b"cltt"] and self._client is not None and self._depth == 1:
            self._client["heard"] = time_of(words[1:])
        elif self._entry is not None and self._depth == 2:  # noqa: PLR2004
            self._entry.update(_about_address(words))


def _about_address(words: Sequence[bytes]) -> dict[str, Any]:
    if words[:1] == [b"ends"]:
        return {"ends": time_of(words[1:]), "never_ends": words[1:2] == [b"never"]}
    if words[:2] == [b"binding", b"state"]:
        state = b"".join(words[2:3]).decode(errors="replace")
        return {"state": state} if state in LEASE_STATES else {}
    return {}


def _client(identity: bytes, order: _Order) -> dict[str, Any]:
    """Read who it is: the number of the identity, and the DUID; the card where it is in that."""
    number, duid = identity[:_IAID_BYTES], identity[_IAID_BYTES:]
    if len(number) < _IAID_BYTES:
        return {}
    found: dict[str, Any] = {"iaid": int.from_bytes(number, order)}
    if 0 < len(duid) <= MOST_DUID_BYTES:
        found["duid"] = duid.hex(":")
        if duid[:4] == _OF_A_CARD.get(len(duid)):
            found["mac"] = duid[-_CARD_BYTES:].hex(":")
    return found


def _address(word: bytes) -> IPv6Address | None:
    try:
        address = IPv6Address(word.decode())
    except ValueError:
        return None
    return None if address.scope_id else address
