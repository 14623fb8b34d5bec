"""The page of a rack's interfaces: its addresses, and the VLAN that each of them is on."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from evenrack.model.interface_list import Interface
from evenrack.model.network import Vlan
from evenrack.region.database.dhcp_store import read_rack_interfaces
from evenrack.region.database.engine import Connection
from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.rack_names import NoSuchRack, find_rack
from evenrack.region.http.access import WATCH
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.fields import or_null
from evenrack.region.http.json_pages import Query
from evenrack.region.http.object_pages import not_found
from evenrack.region.http.operations import Asked, Declared, DeclaredPage, Operation
from evenrack.region.http.shapes import TEXT, object_of, rows_of

_SHOWN = rows_of(object_of(name=TEXT, address=TEXT, vlan=or_null(TEXT), subnet=or_null(TEXT)))
_LIST = Operation(summary="Show a rack's addresses, and which VLAN each is on", answer=_SHOWN)


def interface_page(door: DatabaseDoor, rack: str) -> DeclaredPage:
    """Make the page of one rack, by its name or its id."""
    return DeclaredPage(
        {"GET": Declared(operation=_LIST, answer=_answer(door, rack))}, access=WATCH
    )


def _answer(door: DatabaseDoor, rack: str) -> Callable[[Query, Asked], Awaitable[object]]:
    async def answer(_query: Query, _asked: Asked) -> object:
        return await door.read(lambda connection: _rows(connection, rack))

    return answer


def _rows(connection: Connection, name: str) -> list[dict[str, Any]]:
    try:
        rack = find_rack(connection, name)
    except NoSuchRack as problem:
        raise not_found(str(problem)) from None
    vlans = read_vlans(connection, contents_of=()).values()
    return [_form(interface, vlans) for interface in read_rack_interfaces(connection, rack)]


def _form(interface: Interface, vlans: Iterable[Vlan]) -> dict[str, Any]:
    subnet, vlan = next(
        (
            (str(subnet.cidr), vlan.name)
            for vlan in vlans
            for subnet in vlan.subnets
            if interface.address.ip in subnet.cidr
        ),
        (None, None),
    )
    return {
        "name": interface.name,
        "address": str(interface.address),
        "vlan": vlan,
        "subnet": subnet,
    }
