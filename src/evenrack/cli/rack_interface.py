"""`evenrack rack interface`: the addresses of racks, and the VLANs that they are on."""

from typing import Any

import click

from evenrack.cli.choose import choose
from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, json_list
from evenrack.cli.session import Session
from evenrack.cli.show import interfaces_table


@click.group(
    "interface",
    epilog=examples(
        "evenrack rack interface list rack1", "evenrack rack interface set rack1 eth1 --vlan vlan1"
    ),
)
def rack_interface() -> None:
    """Show the addresses of racks, and say which VLANs they are on."""


@rack_interface.command(
    "list",
    epilog=examples("evenrack rack interface list", "evenrack rack interface list rack1 --json"),
)
@click.argument("rack", required=False)
@json_list
@click.pass_obj
def list_interfaces(session: Session, rack: str | None, *, as_json: bool) -> None:
    """List the addresses of one rack, or of all, as the racks tell them.

    A rack can serve a VLAN when it has an address in a subnet of it. `said_by` is `operator` where
    `rack interface set` said which VLAN it is on.
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


@rack_interface.command(
    "set",
    epilog=examples(
        "evenrack rack interface set rack1 eth1 --vlan vlan1",
        "evenrack rack interface set rack1 eth7 --no-vlan",
        "evenrack rack interface set rack1 eth7 --by-address --json",
    ),
)
@click.argument("rack")
@click.argument("interface")
@click.option("--vlan", help="It is on this VLAN, by name or id, and on no other one.")
@click.option("--no-vlan", is_flag=True, help="It is on none: no VLAN is served by it.")
@click.option("--by-address", is_flag=True, help="Its addresses say it again.")
@json_list
@click.pass_obj
def set_interface(
    session: Session, /, rack: str, interface: str, *, as_json: bool, **what: str | bool | None
) -> None:
    """Say which VLAN an interface of a rack is on, where its addresses do not.

    Of a rack that has several addresses in subnets of a VLAN those of this interface count. What
    follows happens as if the rack had other addresses: roles move in order.
    """
    if sum(map(bool, what.values())) != 1:
        raise click.UsageError("give one of --vlan VLAN, --no-vlan and --by-address")
    client = session.client()
    chosen = choose(client.get("/api/v1/racks"), rack, "rack")
    wish = {} if what["by_address"] else {"vlan": what["vlan"]}
    rows = client.post(
        f"{address_of('racks', chosen['id'])}/interfaces", {"name": interface, **wish}
    )
    found = [{"rack": chosen["hostname"], **row} for row in rows]
    session.show(found, [interfaces_table(found)], as_json=as_json)
