"""Reads the inventory: whole VLANs for decisions, and single rows for people and programs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Any, cast

from attrs import evolve, frozen
from sqlalchemy import ColumnElement, Connection, FromClause, Table, func, null, or_, select, text

from evenrack.errors import CannotEverWork
from evenrack.model.boot import BOOT_FILES, BootSettings, boot_fields, next_server_from_text
from evenrack.model.findings import Noun, shown
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.model.network_rules import SETTINGS
from evenrack.model.reservation_rules import mac_from_text
from evenrack.region.database.inventory_tables import ip_range, reservation, subnet, vlan
from evenrack.region.database.reservation_reading import BySubnet, read_reservations
from evenrack.region.database.snippet_reading import read_served

Value = Vlan | Subnet | Range | Reservation

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
    rows = [*nets, *_read(connection, "range", *_on(contents_of))]
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
    alike: Reservation | None = None,
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
    reserved: defaultdict[int | None, list[Range]] = defaultdict(list)
    for row in rows:
        if isinstance(row.value, Range) and row.value.reserved:
            reserved[row.inside].append(row.value)
        else:
            inside[row.noun, row.inside].append(row.value)
    vlans: dict[VlanId, Vlan] = {}
    for each in cast("list[Vlan]", inside["vlan", None]):
        subnets = [
            evolve(
                within,
                ranges=tuple(inside["range", within.id]),
                reserved_ranges=tuple(reserved[within.id]),
                reservations=tuple(inside["reservation", within.id]),
            )
            for within in cast("list[Subnet]", inside["subnet", each.id])
        ]
        vlans[each.id] = evolve(each, subnets=tuple(subnets))
    return vlans


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
    card or its address.
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


def find_subnet_of(connection: Connection, address: IPv4Address) -> Stored | None:
    """Find the subnet that an address belongs to; subnets do not overlap."""
    holds = text("CAST(subnet.cidr AS cidr) >>= CAST(:address AS inet)").bindparams(
        address=str(address)
    )
    found = _read(connection, "subnet", cast("ColumnElement[bool]", holds))
    return found[0] if found else None


def name_of(value: Value) -> str:
    """Give the name by which people call an object."""
    match value:
        case Vlan():
            return value.name
        case Subnet():
            return str(value.cidr)
        case Range():
            return f"{value.first}-{value.last}"
        case Reservation():
            return value.mac


def fields_of(value: Value) -> dict[str, Any]:
    """Give what can be set of an object, as plain JSON; the names are those of its columns."""
    match value:
        case Vlan():
            return {
                "name": value.name,
                "fabric": value.fabric,
                "vid": value.vid,
                "dhcp_on": value.dhcp_on,
                "relay_vlan": value.relay_vlan,
                **{name: getattr(value.settings, name) for name in SETTINGS},
                **boot_fields(value.boot),
            }
        case Subnet():
            return {
                "cidr": str(value.cidr),
                "gateway": None if value.gateway is None else str(value.gateway),
                "dns_servers": [str(server) for server in value.dns_servers],
                "ntp_servers": [str(server) for server in value.ntp_servers],
                "domain": value.domain,
                "search_domains": list(value.search_domains),
                "allow_unknown": value.allow_unknown,
            }
        case Range():
            return {
                "first": str(value.first),
                "last": str(value.last),
                "reserved": value.reserved,
            }
        case Reservation():
            return {
                "mac": value.mac,
                "address": str(value.address),
                "hostname": value.hostname,
                "other_macs": list(value.other_macs),
            }


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
        value=_VALUES[noun](row),
        number=FleetNumber(row.era, row.generation),
        vlan=VlanId(row.on_vlan),
        vlan_name=row.on_vlan_name,
        inside=row.inside_id,
        inside_name=row.inside_name or "",
        relay_name=row.relay_name,
    )


def _vlan(row: Any) -> Vlan:
    return Vlan(
        id=VlanId(row.id),
        name=row.name,
        fabric=row.fabric,
        vid=row.vid,
        dhcp_on=row.dhcp_on,
        settings=VlanSettings(**{name: getattr(row, name) for name in SETTINGS}),
        boot=BootSettings(
            next_server=None if row.next_server is None else next_server_from_text(row.next_server),
            **{name: getattr(row, name) for name in BOOT_FILES},
        ),
        relay_vlan=None if row.relay_vlan is None else VlanId(row.relay_vlan),
    )


def _subnet(row: Any) -> Subnet:
    return Subnet(
        id=SubnetId(row.id),
        cidr=IPv4Network(row.cidr),
        gateway=None if row.gateway is None else IPv4Address(row.gateway),
        dns_servers=tuple(map(IPv4Address, row.dns_servers)),
        ntp_servers=tuple(map(IPv4Address, row.ntp_servers)),
        domain=row.domain,
        search_domains=tuple(row.search_domains),
        allow_unknown=row.allow_unknown,
    )


def _range(row: Any) -> Range:
    return Range(
        id=RangeId(row.id),
        first=IPv4Address(row.first),
        last=IPv4Address(row.last),
        reserved=row.reserved,
    )


def _reservation(row: Any) -> Reservation:
    return Reservation(
        id=ReservationId(row.id),
        mac=row.mac,
        address=IPv4Address(row.address),
        hostname=row.hostname,
        other_macs=tuple(row.other_macs),
    )


_VALUES: Mapping[Noun, Any] = MappingProxyType(
    {"vlan": _vlan, "subnet": _subnet, "range": _range, "reservation": _reservation}
)


def _is_called(noun: Noun, name: str | int) -> ColumnElement[bool]:
    name = str(name)
    if noun == "vlan":
        return vlan.c.name == name
    if noun == "subnet":
        return subnet.c.cidr == name
    if noun == "range":
        return func.concat(ip_range.c.first, "-", ip_range.c.last) == name
    try:
        return reservation.c.address == str(IPv4Address(name))
    except AddressValueError:
        mac = _as_mac(name)
        return (reservation.c.mac == mac) | reservation.c.other_macs.contains([mac])


def _is_like(one: Reservation) -> ColumnElement[bool]:
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
