"""How many connections are open whose other end has not said who it is; pure.

Each costs memory and a handshake. Racks come from addresses of their own, so a flood is cut where
it comes from: from an address, from a network. However many addresses it has, there are places
that it cannot take: those for addresses from which racks came.
"""

from collections import Counter, OrderedDict
from typing import Protocol

from attrs import frozen

from evenrack.model.address_keys import address_key, network_key
from evenrack.model.identifiers import RackId

MOST_STRANGERS = 1_024
"""From addresses from which no rack came yet."""

MOST_WHERE_RACKS_ARE = 1_024
"""Beside them, from addresses from which a rack came: all may come back at once."""

MOST_FROM_ONE_ADDRESS = 128
"""Racks that come back after an outage may do so from behind one address."""

MOST_FROM_ONE_NETWORK = 256
"""New racks, in a network with as many hosts."""

MOST_ADDRESSES_OF_RACK = 4
"""The last ones; whoever has a rack's certificate makes no more addresses known with it."""


class Stranger(Protocol):
    """A connection, by the address at its other end."""

    peer_address: str


@frozen(kw_only=True)
class _Origin:
    """Where one came from, and in which of the two rooms it is."""

    address: str
    network: str
    is_known: bool


class Strangers:
    """Counts those who have connected and not been recognised yet."""

    def __init__(self) -> None:
        self._here: dict[Stranger, _Origin] = {}
        self._from: Counter[str] = Counter()
        self._from_network: Counter[str] = Counter()
        self._where_racks_are = 0
        self._addresses: dict[RackId, OrderedDict[str, None]] = {}
        self._racks_at: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._here)

    def may_come(self, host: str) -> bool:
        """Tell whether one more may connect from this address."""
        origin = self._origin(host)
        if self._from[origin.address] >= MOST_FROM_ONE_ADDRESS:
            return False
        if origin.is_known:
            return self._where_racks_are < MOST_WHERE_RACKS_ARE
        return (
            len(self._here) - self._where_racks_are < MOST_STRANGERS
            and self._from_network[origin.network] < MOST_FROM_ONE_NETWORK
        )

    def count_from(self, host: str) -> int:
        """Give how many are here from this address."""
        return self._from[address_key(host)]

    def came(self, stranger: Stranger) -> None:
        """Count one that has connected."""
        origin = self._here[stranger] = self._origin(_host_of(stranger.peer_address))
        self._count(origin, 1)

    def left(self, stranger: Stranger) -> None:
        """Count one no more: it is recognised, or gone. Safe to repeat."""
        origin = self._here.pop(stranger, None)
        if origin is not None:
            self._count(origin, -1)

    def rack_came_from(self, rack: RackId, peer_address: str) -> None:
        """Keep places for this address: a rack of the fleet was there."""
        address = address_key(_host_of(peer_address))
        known = self._addresses.setdefault(rack, OrderedDict())
        if address not in known:
            self._racks_at[address] += 1
        known[address] = None
        known.move_to_end(address)
        if len(known) > MOST_ADDRESSES_OF_RACK:
            forgotten, _ = known.popitem(last=False)
            _add(self._racks_at, forgotten, -1)

    def _origin(self, host: str) -> _Origin:
        address = address_key(host)
        return _Origin(
            address=address, network=network_key(host), is_known=address in self._racks_at
        )

    def _count(self, origin: _Origin, one: int) -> None:
        _add(self._from, origin.address, one)
        if origin.is_known:
            self._where_racks_are += one
        else:
            _add(self._from_network, origin.network, one)


def _host_of(peer_address: str) -> str:
    return peer_address.rpartition(":")[0]


def _add(counter: Counter[str], key: str, one: int) -> None:
    """Count, and keep no key that counts nothing."""
    counter[key] += one
    if not counter[key]:
        del counter[key]
