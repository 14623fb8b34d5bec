"""`evenrack rack interface`: the addresses of racks, and the VLANs that they are on."""

from typing import Any

import click

from evenrack.cli.choose import choose
from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, json_list
from evenrack.cli.session import Session
from evenrack.cli.show import interfaces_table


@click.group("interface", epilog=examples("evenrack rack interface list rack1"))
def rack_interface() -> None:
    """Show the addresses of racks, and the VLANs that they are on."""


@rack_interface.command(
    "list",
    epilog=examples("evenrack rack interface list", "evenrack rack interface list rack1 --json"),
)
@click.argument("rack", required=False)
@json_list
@click.pass_obj
def list_interfaces(session: Session, rack: str | None, *, as_json: bool) -> None:
    """List the addresses of one rack, or of all, as the racks tell them.

    A rack can serve a VLAN when it has an address in a subnet of it.
    """
    client = session.client()
    racks = client.get("/api/v1/racks")
    wanted = racks if rack is None else [choose(racks, rack, "rack")]
    found: list[dict[str, Any]] = [
        {"rack": each["hostname"], **row}
        for each in wanted
        for row in client.get(f"{address_of('racks', each['id'])}/interfaces")
    ]
    session.show(found, [interfaces_table(found)], as_json=as_json)
