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
    click.option("--lease-seconds", type=int, help="How long a lease lasts, 60 to 31536000."),
    click.option(
        "--max-response-delay",
        type=int,
        help="Seconds of silence after which a peer counts as gone, 5 to 600.",
    ),
    click.option("--mclt", type=int, help="Maximum client lead time in seconds, 10 to 86400."),
    click.option("--split", type=int, help="Of 256 parts, how many the primary answers, 0 to 256."),
)


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    return reduce(lambda so_far, option: option(so_far), reversed(_SETTINGS), command)


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
    made = session.client().post("/api/v1/vlans", {"name": name, **given(**settings)})
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
    ),
)
@click.argument("name")
@click.option("--name", "new_name", help="Call it so from now on.")
@_settings
@click.option("--no-vid", is_flag=True, help="Its vid is not known.")
@if_generation
@json_object
@click.pass_obj
def set_vlan(
    session: Session,
    /,
    name: str,
    *,
    new_name: str | None,
    no_vid: bool,
    if_generation: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Change a VLAN, by name or id."""
    fields = one_or_none(given(name=new_name, **settings), "vid", remove=no_vid)
    changed = set_fields(session, address_of("vlans", name), fields, if_generation)
    follow = f"evenrack vlan show {changed['name']}"
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
        for plural in ("subnets", "ranges", "reservations")
    ]
