"""`evenrack range`: the addresses that are given to whoever asks, and those that never are."""

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
    set_fields,
    show_done,
)
from evenrack.cli.session import Session, say
from evenrack.cli.show import ranges_table


@click.group(
    "range",
    epilog=examples(
        "evenrack range list",
        "evenrack range create --subnet 10.0.0.0/24 10.0.0.100 10.0.0.199",
    ),
)
def ip_range() -> None:
    """Show and change the ranges of addresses that DHCP gives to whoever asks, or never."""


@ip_range.command(
    "create",
    epilog=examples(
        "evenrack range create --subnet 10.0.0.0/24 10.0.0.100 10.0.0.199",
        "evenrack range create 10.0.0.100 10.0.0.199 --json",
        "evenrack range create 10.0.0.1 10.0.0.19 --reserved",
        "evenrack range create fd00:1::1000 fd00:1::ffff",
    ),
)
@click.argument("first")
@click.argument("last")
@click.option("--subnet", metavar="CIDR", help="Its subnet; found by the address when not given.")
@click.option("--reserved", is_flag=True, help="Never give its addresses to whoever asks.")
@json_object
@click.pass_obj
def create_range(
    session: Session,
    first: str,
    last: str,
    *,
    subnet: str | None,
    reserved: bool,
    as_json: bool,
) -> None:
    """Create a range from its first address to its last; both belong to it.

    A reserved one keeps other ranges out: reservations, and hosts that have their address from
    elsewhere, are safe in it.
    """
    wanted = given(subnet=subnet, reserved=reserved or None)
    made = session.client().post("/api/v1/ranges", {"first": first, "last": last, **wanted})
    follow = f"evenrack range list --subnet {made['subnet']}"
    show_done(session, made, as_json=as_json, deed="range created", follow=follow)


@ip_range.command(
    "list", epilog=examples("evenrack range list", "evenrack range list --vlan vlan1 --json")
)
@click.option("--vlan", help="Only those on this VLAN.")
@click.option("--subnet", metavar="CIDR", help="Only those of this subnet.")
@json_list
@click.pass_obj
def list_ranges(session: Session, *, vlan: str | None, subnet: str | None, as_json: bool) -> None:
    """List ranges."""
    found = all_of(session.client(), "ranges", vlan=vlan, subnet=subnet)
    session.show(found, [ranges_table(found)], as_json=as_json)


@ip_range.command(
    "set",
    epilog=examples(
        "evenrack range set 10.0.0.100-10.0.0.199 --last 10.0.0.219",
        "evenrack range set 4 --first 10.0.0.110 --last 10.0.0.219 --if-generation 1.9",
    ),
)
@click.argument("name", metavar="RANGE")
@click.option("--first", metavar="ADDRESS", help="Let it begin here.")
@click.option("--last", metavar="ADDRESS", help="Let it end here; this address belongs to it.")
@click.option(
    "--reserved/--dynamic",
    "reserved",
    default=None,
    help="Never give its addresses to whoever asks, or do.",
)
@if_generation
@json_object
@click.pass_obj
def set_range(
    session: Session,
    /,
    name: str,
    *,
    if_generation: str | None,
    as_json: bool,
    **fields: str | bool | None,
) -> None:
    """Change where a range begins and ends and what it is for, by FIRST-LAST or by its id."""
    changed = set_fields(session, address_of("ranges", name), given(**fields), if_generation)
    follow = f"evenrack range list --subnet {changed['subnet']}"
    show_done(session, changed, as_json=as_json, deed="range changed", follow=follow)


@ip_range.command(
    "delete",
    epilog=examples(
        "evenrack range delete 10.0.0.100-10.0.0.199 --yes", "evenrack range delete 4 --plan"
    ),
)
@click.argument("name", metavar="RANGE")
@deletion_options
@click.pass_obj
def delete_range(session: Session, /, name: str, *, if_generation: str | None, **how: bool) -> None:
    """Delete a range, by FIRST-LAST or by its id; leases in it end when they end."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(
        session, address_of("ranges", name), deletion, lambda _client, _goes: []
    )
    if gone is not None:
        say(f"range deleted; next: evenrack range list --subnet {gone['subnet']}")
