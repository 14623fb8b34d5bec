"""Reads the inventory: whole VLANs for decisions, and single rows for people and programs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType
from typing import Any, cast

from attrs import evolve, frozen
from sqlalchemy import ColumnElement, Connection, FromClause, Table, func, null, or_, select, text

from evenrack.errors import CannotEverWork
from evenrack.model.findings import Noun, shown
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.reservation_rules import mac_from_text
from evenrack.region.database.inventory_tables import ip_range, reservation, subnet, vlan
from evenrack.region.database.inventory_values import Value, fields_of, name_of, value_of
from evenrack.region.database.reservation_reading import IS_IPV6, BySubnet, read_reservations
from evenrack.region.database.snippet_reading import read_served

HIGHEST_ID = 2**31 - 1
MOST_NAMED = 10
"""Names in the sentence that says what there is."""

TABLES: Mapping[Noun, Table] = MappingProxyType(
    {"vlan": vlan, "subnet": subnet, "range": ip_range, "reservation": reservation}
)

AROUND: Mapping[Noun, Noun] = MappingProxyType(
    {"subnet": "vlan", "range": "subnet", "reservation": "subnet"}
)
"""What each kind of object is inside; also the name of the field that says so."""


class NoSuchObject(CannotEverWork):
    """Nothing, or more than one thing, in the inventory has the name that was given."""

    wire_code = b"NO_SUCH_OBJECT"


@frozen(kw_only=True)
class Stored:
    """One row: the object without what is inside it, and where it is."""

    noun: Noun
    value: Value
    number: FleetNumber
    """The fleet's number when this row last changed."""
    vlan: VlanId
    """The VLAN that it is, or is on."""
    vlan_name: str
    inside: int | None = None
    """The id of its VLAN (a subnet) or of its subnet (a range, a reservation)."""
    inside_name: str = ""
    """The name of that VLAN, or the network of that subnet."""
    relay_name: str | None = None
    """The name of the VLAN that relays this one."""


def read_vlans(
    connection: Connection,
    *,
    contents_of: Collection[VlanId] | None = None,
    reservations: BySubnet | None = None,
) -> dict[VlanId, Vlan]:
    """Give all VLANs with their subnets, in the order of their ids.

    With `contents_of`, ranges and reservations are read for those VLANs only; with `reservations`,
    these are all there are. Snippets are those that are enabled.
    """
    nets = (*_read(connection, "vlan"), *_read(connection, "subnet"))
    rows = [
        *nets,
        *_read(connection, "range", *_on(contents_of)),
        *_read(connection, "reservation", *_on(contents_of), IS_IPV6),
    ]
    if reservations is None:
        reservations = read_reservations(connection, contents_of)
    vlans = whole_vlans(rows, reservations)
    for number, snippets in read_served(connection).items():
        if number in vlans:
            vlans[number] = evolve(vlans[number], snippets=snippets)
    return vlans


def read_rows(
    connection: Connection,
    *,
    contents_of: Collection[VlanId] | None = None,
    alike: Reservation | Reservation6 | None = None,
) -> list[Stored]:
    """Give every row of the inventory; ranges and reservations of some VLANs only if so told.

    With `alike`, of the reservations only those that have its address or one of its cards.
    """
    here = _on(contents_of)
    these = [] if alike is None else [_is_like(alike)]
    return [
        *_read(connection, "vlan"),
        *_read(connection, "subnet"),
        *_read(connection, "range", *here),
        *_read(connection, "reservation", *here, *these),
    ]


def whole_vlans(rows: Iterable[Stored], reservations: BySubnet | None = None) -> dict[VlanId, Vlan]:
    """Put rows together to whole VLANs; what is inside nothing is left out.

    `reservations`, by their subnet, are those that are not among the rows.
    """
    inside: defaultdict[tuple[Noun, int | None], list[Any]] = defaultdict(list)
    for number, here in (reservations or {}).items():
        inside["reservation", number] = list(here)
    reserved: defaultdict[int | None, list[Any]] = defaultdict(list)
    for row in rows:
        if isinstance(row.value, Range | Range6) and row.value.reserved:
            reserved[row.inside].append(row.value)
        else:
            inside[row.noun, row.inside].append(row.value)
    vlans: dict[VlanId, Vlan] = {}
    for each in cast("list[Vlan]", inside["vlan", None]):
        subnets: list[Subnet] = []
        subnets6: list[Subnet6] = []
        for within in inside["subnet", each.id]:
            ranges = tuple(inside["range", within.id]), tuple(reserved[within.id])
            kept = tuple(inside["reservation", within.id])
            if isinstance(within, Subnet6):
                subnets6.append(_filled6(within, *ranges, kept))
            else:
                subnets.append(_filled(within, *ranges, kept))
        vlans[each.id] = evolve(each, subnets=tuple(subnets), subnets6=tuple(subnets6))
    return vlans


def _filled(
    net: Subnet,
    ranges: tuple[Range, ...],
    reserved: tuple[Range, ...],
    kept: tuple[Reservation, ...],
) -> Subnet:
    return evolve(net, ranges=ranges, reserved_ranges=reserved, reservations=kept)


def _filled6(
    net: Subnet6,
    ranges: tuple[Range6, ...],
    reserved: tuple[Range6, ...],
    kept: tuple[Reservation6, ...],
) -> Subnet6:
    return evolve(net, ranges=ranges, reserved_ranges=reserved, hosts=kept)


def read_page(
    connection: Connection,
    noun: Noun,
    *,
    after: int,
    limit: int,
    within: Iterable[Stored] = (),
) -> list[Stored]:
    """Give at most so many objects whose id is higher, inside all of these, in order of ids."""
    here = [TABLES[row.noun].c.id == row.value.id for row in within]
    return _read(connection, noun, TABLES[noun].c.id > after, *here, limit=limit)


def find(connection: Connection, noun: Noun, name: str | int) -> Stored:
    """Find one object by its name or its id; NoSuchObject when that is not exactly one.

    A VLAN's name is its name, a subnet's its network, a range's `first-last`, a reservation's its
    card, its DUID or its address.
    """
    found = _read(connection, noun, _is_called(noun, name), limit=2) if _can_be_name(name) else []
    by_id = _as_id(name)
    if not found and by_id is not None:
        found = _read(connection, noun, TABLES[noun].c.id == by_id)
    if len(found) == 1:
        return found[0]
    called = shown(str(name))
    if found:
        ids = ", ".join(str(row.value.id) for row in found)
        raise NoSuchObject(f"several {noun}s are called {called}; name one by id, such as {ids}")
    raise NoSuchObject(f"no {noun} is called {called}; {_there_are(connection, noun)}")


def find_by_id(connection: Connection, noun: Noun, number: int) -> Stored:
    """Read one object that is known to be there."""
    (found,) = _read(connection, noun, TABLES[noun].c.id == number)
    return found


def find_subnet_of(connection: Connection, address: IPv4Address | IPv6Address) -> Stored | None:
    """Find the subnet that an address belongs to; subnets do not overlap."""
    holds = text("CAST(subnet.cidr AS cidr) >>= CAST(:address AS inet)").bindparams(
        address=str(address)
    )
    found = _read(connection, "subnet", cast("ColumnElement[bool]", holds))
    return found[0] if found else None


def told_fields(it: Stored) -> dict[str, Any]:
    """Give the same as people read it: other objects by their names."""
    fields = fields_of(it.value)
    return {**fields, "relay_vlan": it.relay_name} if it.noun == "vlan" else fields


def _read(
    connection: Connection,
    noun: Noun,
    *conditions: ColumnElement[bool],
    limit: int | None = None,
) -> list[Stored]:
    table = TABLES[noun]
    rows = connection.execute(
        select(
            table,
            vlan.c.id.label("on_vlan"),
            vlan.c.name.label("on_vlan_name"),
            _INSIDE[noun][0].label("inside_id"),
            _INSIDE[noun][1].label("inside_name"),
            (_relay.c.name if noun == "vlan" else null()).label("relay_name"),
        )
        .select_from(_JOINED[noun])
        .where(*conditions)
        .order_by(table.c.id)
        .limit(limit)
    )
    return [_stored(noun, row) for row in rows]


def _on(vlans: Collection[VlanId] | None) -> list[ColumnElement[bool]]:
    return [] if vlans is None else [vlan.c.id.in_(list(vlans))]


_relay = vlan.alias("relay")
_JOINED: Mapping[Noun, FromClause] = MappingProxyType(
    {
        "vlan": vlan.outerjoin(_relay, vlan.c.relay_vlan == _relay.c.id),
        "subnet": subnet.join(vlan),
        "range": ip_range.join(subnet).join(vlan),
        "reservation": reservation.join(subnet).join(vlan),
    }
)

_INSIDE: Mapping[Noun, tuple[Any, Any]] = MappingProxyType(
    {
        "vlan": (null(), null()),
        "subnet": (vlan.c.id, vlan.c.name),
        "range": (subnet.c.id, subnet.c.cidr),
        "reservation": (subnet.c.id, subnet.c.cidr),
    }
)


def _stored(noun: Noun, row: Any) -> Stored:
    return Stored(
        noun=noun,
        value=value_of(noun, row),
        number=FleetNumber(row.era, row.generation),
        vlan=VlanId(row.on_vlan),
        vlan_name=row.on_vlan_name,
        inside=row.inside_id,
        inside_name=row.inside_name or "",
        relay_name=row.relay_name,
    )


def _is_called(noun: Noun, name: str | int) -> ColumnElement[bool]:
    name = str(name)
    if noun == "vlan":
        return vlan.c.name == name
    if noun == "subnet":
        return subnet.c.cidr == _spelt(IPv6Network, name)
    if noun == "range":
        first, _, last = name.partition("-")
        spelt = f"{_spelt(IPv6Address, first)}-{_spelt(IPv6Address, last)}" if last else name
        return func.concat(ip_range.c.first, "-", ip_range.c.last) == spelt
    try:
        return reservation.c.address == str(ip_address(name))
    except ValueError:
        mac = _as_mac(name)
        of_card: ColumnElement[bool] = reservation.c.other_macs.contains([mac])
        return or_(reservation.c.mac == mac, reservation.c.duid == name.lower(), of_card)


def _spelt(kind: type[IPv6Address | IPv6Network], name: str) -> str:
    """Spell an address or network of IPv6, which has many spellings, as it is stored."""
    try:
        return str(kind(name)) if ":" in name else name
    except ValueError:
        return name


def _is_like(one: Reservation | Reservation6) -> ColumnElement[bool]:
    if isinstance(one, Reservation6):
        return IS_IPV6  # they are few, and one card may be in the DUID of another
    macs = [mac for mac in one.macs if _can_be_name(mac)]
    of_card: ColumnElement[bool] = reservation.c.other_macs.overlap(macs)
    return or_(reservation.c.address == str(one.address), reservation.c.mac.in_(macs), of_card)


def _can_be_name(name: str | int) -> bool:
    """Tell whether PostgreSQL can be asked for it: its texts hold no NUL and no half a letter."""
    return "\0" not in str(name) and str(name).isprintable()


def _as_mac(name: str) -> str:
    try:
        return mac_from_text(name)
    except ValueError:
        return name


def _as_id(name: str | int) -> int | None:
    digits = str(name)
    if not digits.isascii() or not digits.isdecimal() or len(digits) > len(str(HIGHEST_ID)):
        return None
    return int(digits) if int(digits) <= HIGHEST_ID else None


def _there_are(connection: Connection, noun: Noun) -> str:
    rows = _read(connection, noun, limit=MOST_NAMED + 1)
    names = [name_of(row.value) for row in rows[:MOST_NAMED]]
    if not names:
        return "there are none yet"
    return f"there are: {', '.join(names)}{', ...' if len(rows) > MOST_NAMED else ''}"
