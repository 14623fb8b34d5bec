"""`evenrack vlan`: the VLANs that DHCP can serve."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import (
    Deletion,
    address_of,
    all_of,
    delete_after_plan,
    deletion_options,
    given,
    if_generation,
    json_list,
    json_object,
    one_or_none,
    set_fields,
    show_done,
)
from evenrack.cli.session import Session, say
from evenrack.cli.show import Line, object_page, vlans_table
from evenrack.client import Client

_SETTINGS = (
    click.option("--fabric", help="VLANs of different fabrics may have one vid."),
    click.option("--vid", type=int, help="The number in the 802.1Q tag, 0 to 4094."),
    click.option("--dhcp-on/--dhcp-off", "dhcp_on", default=None, help="Serve DHCP on it or not."),
    click.option(
        "--relay-vlan",
        metavar="VLAN",
        help="Whose racks serve it, since its router relays to them.",
    ),
    click.option("--lease-seconds", type=int, help="How long a lease lasts, 60 to 31536000."),
    click.option(
        "--min-lease-seconds",
        type=int,
        help="The least for who asks; --lease-seconds if not given.",
    ),
    click.option(
        "--max-lease-seconds", type=int, help="The most for who asks; --lease-seconds if not given."
    ),
    click.option(
        "--max-response-delay",
        type=int,
        help="Seconds of silence after which a peer counts as gone, 5 to 600.",
    ),
    click.option("--mclt", type=int, help="Maximum client lead time in seconds, 10 to 86400."),
    click.option("--split", type=int, help="Of 256 parts, how many the primary answers, 0 to 256."),
    click.option("--mtu", type=int, help="Told to clients: bytes, 576 to 65535."),
    click.option(
        "--next-server",
        metavar="ADDRESS|rack",
        help="Who has the boot files: a TFTP server, or the rack that answers.",
    ),
    click.option("--boot-bios", metavar="PATH", help="Boot file for BIOS; empty for none."),
    click.option("--boot-uefi-x64", metavar="PATH", help="The same for UEFI on x86-64."),
    click.option("--boot-uefi-arm64", metavar="PATH", help="The same for UEFI on arm64."),
    click.option("--boot-http-x64", metavar="URL", help="For UEFI HTTP boot on x86-64."),
    click.option("--boot-http-arm64", metavar="URL", help="For UEFI HTTP boot on arm64."),
    click.option("--boot-ipxe", metavar="URL", help="The script for machines that run iPXE."),
)


_ROLES = ("primary_rack", "secondary_rack")

_NAMES = (
    click.option(
        "--primary-rack", metavar="RACK", help="The rack that is its primary whenever it can."
    ),
    click.option(
        "--secondary-rack", metavar="RACK", help="The rack that is its secondary whenever it can."
    ),
)

_REMOVABLE = ("vid", "relay_vlan", "next_server", "mtu", "min_lease_seconds", "max_lease_seconds")


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    return reduce(lambda so_far, option: option(so_far), reversed(_SETTINGS + _NAMES), command)


def _name_racks(client: Client, vlan: str, racks: dict[str, Any]) -> None:
    if racks:
        client.post(f"{address_of('dhcp', vlan)}/pins", racks)


@click.group(
    epilog=examples(
        "evenrack vlan list",
        "evenrack vlan create vlan1 --vid 1 --dhcp-on",
        "evenrack vlan show vlan1",
    )
)
def vlan() -> None:
    """Show and change the VLANs that DHCP can serve."""


@vlan.command(
    "create",
    epilog=examples(
        "evenrack vlan create vlan1",
        "evenrack vlan create storage --fabric east --vid 12 --dhcp-on --mclt 300 --json",
    ),
)
@click.argument("name")
@_settings
@json_object
@click.pass_obj
def create_vlan(session: Session, /, name: str, *, as_json: bool, **settings: Any) -> None:
    """Create a VLAN."""
    client, racks = session.client(), given(**{role: settings.pop(role) for role in _ROLES})
    made = client.post("/api/v1/vlans", {"name": name, **given(**settings)})
    _name_racks(client, made["name"], racks)
    follow = f"evenrack subnet create 10.0.0.0/24 --vlan {made['name']}"
    show_done(session, made, as_json=as_json, deed=f"vlan {made['name']} created", follow=follow)


@vlan.command("list", epilog=examples("evenrack vlan list", "evenrack vlan list --json"))
@json_list
@click.pass_obj
def list_vlans(session: Session, *, as_json: bool) -> None:
    """List VLANs."""
    found = all_of(session.client(), "vlans")
    session.show(found, [vlans_table(found)], as_json=as_json)


@vlan.command("show", epilog=examples("evenrack vlan show vlan1", "evenrack vlan show 3 --json"))
@click.argument("name")
@json_object
@click.pass_obj
def show_vlan(session: Session, name: str, *, as_json: bool) -> None:
    """Show one VLAN with its subnets, by name or id."""
    client = session.client()
    found = client.get(address_of("vlans", name))
    found["subnets"] = all_of(client, "subnets", vlan=str(found["id"]))
    session.show(found, object_page(found), as_json=as_json)


@vlan.command(
    "set",
    epilog=examples(
        "evenrack vlan set vlan1 --dhcp-on",
        "evenrack vlan set vlan1 --mclt 300 --max-response-delay 15 --if-generation 1.7",
        "evenrack vlan set vlan1 --name storage --no-vid",
        "evenrack vlan set vlan1 --primary-rack rack1 --unpin",
        "evenrack vlan set vlan1 --next-server 10.0.0.69 --boot-uefi-x64 shim.efi",
        "evenrack vlan set vlan2 --relay-vlan vlan1",
    ),
)
@click.argument("name")
@click.option("--name", "new_name", help="Call it so from now on.")
@_settings
@click.option("--unpin", is_flag=True, help="Name no rack any more for a role not given here.")
@click.option("--no-vid", is_flag=True, help="Its vid is not known.")
@click.option("--no-relay-vlan", is_flag=True, help="It has racks of its own again.")
@click.option("--no-next-server", is_flag=True, help="Nobody has boot files.")
@click.option("--no-mtu", is_flag=True, help="Tell clients of no MTU.")
@click.option("--no-min-lease-seconds", is_flag=True, help="The least is --lease-seconds again.")
@click.option("--no-max-lease-seconds", is_flag=True, help="The most is --lease-seconds again.")
@if_generation
@json_object
@click.pass_obj
def set_vlan(
    session: Session,
    /,
    name: str,
    *,
    new_name: str | None,
    if_generation: str | None,
    unpin: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Change a VLAN, by name or id."""
    racks = given(**{role: settings.pop(role) for role in _ROLES})
    racks = {**(dict.fromkeys(_ROLES) if unpin else {}), **racks}
    no = {key: settings.pop(f"no_{key}") for key in _REMOVABLE}
    fields = given(name=new_name, **settings)
    for key, remove in no.items():
        fields = one_or_none(fields, key, remove=remove)
    if racks and not fields:
        changed = session.client().get(address_of("vlans", name))
    else:
        changed = set_fields(session, address_of("vlans", name), fields, if_generation)
    _name_racks(session.client(), changed["name"], racks)
    follow = f"evenrack vlan show {changed['name']}"
    if settings["relay_vlan"] is not None:
        follow = f"evenrack dhcp status {changed['name']}"
        if not changed["dhcp_on"]:
            follow = f"evenrack vlan set {changed['name']} --dhcp-on"
    show_done(session, changed, as_json=as_json, deed="vlan changed", follow=follow)


@vlan.command(
    "delete", epilog=examples("evenrack vlan delete vlan1 --plan", "evenrack vlan delete 3 --yes")
)
@click.argument("name")
@deletion_options
@click.pass_obj
def delete_vlan(session: Session, /, name: str, *, if_generation: str | None, **how: bool) -> None:
    """Delete a VLAN with its subnets, ranges and reservations."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(session, address_of("vlans", name), deletion, _contents)
    if gone is not None:
        say(f"vlan {gone['name']} deleted; next: evenrack vlan list")


def _contents(client: Client, goes: dict[str, Any]) -> list[Line]:
    return [
        Line(name=plural, value=str(len(all_of(client, plural, vlan=str(goes["id"])))))
        for plural in ("subnets", "ranges", "reservations", "snippets")
    ]
