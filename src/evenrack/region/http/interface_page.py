"""The page of a rack's interfaces: its addresses, and the VLAN that each of them is on."""

from collections.abc import Mapping
from typing import Any

from evenrack.errors import OutcomeUnknown
from evenrack.model.attachment import NOT_PLACED, Placements
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.network import Vlan
from evenrack.region.database.dhcp_store import read_rack_interfaces
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.placement_store import (
    leave_to_addresses,
    place_interface,
    read_placements,
)
from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.http.access import OPERATE
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import nullable, or_null
from evenrack.region.http.json_pages import Query
from evenrack.region.http.object_pages import bad_request, not_found, outcome_unknown
from evenrack.region.http.operations import Asked, Body, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import TEXT, object_of, rows_of
from evenrack.region.http.wishes import one_line, tell

_SHOWN = rows_of(
    object_of(name=TEXT, address=TEXT, vlan=or_null(TEXT), subnet=or_null(TEXT), said_by=TEXT)
)
_LIST = Operation(
    summary="Show a rack's addresses, which VLAN each is on, and who says so: the address itself, "
    "or an operator",
    answer=_SHOWN,
)
_SET = Operation(
    summary="Say which VLAN an interface is on, by name or id; null: on none. Not given: its "
    "addresses say it again",
    body=Body(fields={"name": one_line, "vlan": nullable(one_line)}, required=("name",)),
    answer=_SHOWN,
)


def interface_page(door: DatabaseDoor, rack: str) -> DeclaredPage:
    """Make the page of one rack, by its name or its id."""
    answers = _Answers(door, rack)
    return DeclaredPage(
        {
            "GET": Declared(operation=_LIST, answer=answers.show),
            "POST": Declared(operation=_SET, answer=answers.set),
        },
        access=OPERATE,
    )


class _Answers:
    """What is answered about one rack."""

    def __init__(self, door: DatabaseDoor, rack: str) -> None:
        self._door = door
        self._rack = rack

    async def show(self, _query: Query, _asked: Asked) -> object:
        return await self._door.read(lambda connection: _rows(connection, self._find(connection)))

    async def set(self, query: Query, asked: Asked) -> object:
        """Write it down; the leader follows it."""

        def work(connection: Connection) -> list[dict[str, Any]]:
            rack = self._find(connection)
            name, who = asked.fields["name"], query.asker.who
            own = _interfaces_called(connection, rack, name)
            if "vlan" in asked.fields:
                vlan = _vlan_of(connection, asked.fields["vlan"], own)
                on = "no VLAN" if vlan is None else vlan.name
                tell(connection, "dhcp", f"rack:{rack}", f"{who} says that {name} is on {on}")
                place_interface(connection, rack, name, None if vlan is None else vlan.id)
            else:
                text = f"{who} leaves it to its addresses what {name} is on"
                tell(connection, "dhcp", f"rack:{rack}", text)
                leave_to_addresses(connection, rack, name)
            return _rows(connection, rack)

        try:
            return await self._door.change(work, query.asked)
        except OutcomeUnknown as problem:
            raise outcome_unknown(problem) from None

    def _find(self, connection: Connection) -> RackId:
        try:
            return find_rack(connection, self._rack)
        except NoSuchRack as problem:
            raise not_found(str(problem)) from None


def _interfaces_called(connection: Connection, rack: RackId, name: str) -> list[Interface]:
    """Give the addresses of an interface; HttpProblem when the rack tells of none."""
    known = read_rack_interfaces(connection, rack)
    found = [interface for interface in known if interface.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(interface.name for interface in known)) or "none"
        raise bad_request(f"the rack tells of no interface {name} with an address; it has: {names}")
    return found


def _vlan_of(connection: Connection, wanted: str | None, own: list[Interface]) -> Vlan | None:
    """Find a VLAN that the interface has an address of; HttpProblem when it has none."""
    if wanted is None:
        return None
    vlans = read_vlans(connection, contents_of=()).values()
    vlan = next((it for it in vlans if wanted in {it.name, str(it.id)}), None)
    if vlan is None:
        raise bad_request(f'there is no VLAN "{wanted}"; `evenrack vlan list` shows them')
    addresses = tuple(interface.address for interface in own)
    if vlan.address_of(addresses) is None:
        has = ", ".join(map(str, addresses))
        raise bad_request(
            f"{own[0].name} has no address in a subnet of {vlan.name}, but {has}: a rack serves a "
            "VLAN from its own address there. Give it one, or create the subnet first"
        )
    return vlan


def _rows(connection: Connection, rack: RackId) -> list[dict[str, Any]]:
    vlans = read_vlans(connection, contents_of=())
    placed = read_placements(connection, [rack]).get(rack, NOT_PLACED)
    return [_form(it, vlans, placed) for it in read_rack_interfaces(connection, rack)]


def _form(interface: Interface, vlans: Mapping[VlanId, Vlan], placed: Placements) -> dict[str, Any]:
    address = interface.address
    is_said = address in placed
    possible = [placed[address]] if is_said else list(vlans)
    subnet, vlan = next(
        (
            (str(subnet.cidr), vlans[each].name)
            for each in possible
            if each is not None and each in vlans
            for subnet in vlans[each].subnets
            if address.ip in subnet.cidr
        ),
        (None, None),
    )
    return {
        "name": interface.name,
        "address": str(address),
        "vlan": vlan,
        "subnet": subnet,
        "said_by": "operator" if is_said else "address",
    }
