"""`evenrack subnet`: the networks on each VLAN, and what their clients are told."""

from collections.abc import Callable, Sequence
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
from evenrack.cli.show import Line, subnets_table
from evenrack.client import Client

_TOLD = (
    click.option("--gateway", metavar="ADDRESS", help="The router; none for IPv6."),
    click.option("--dns", multiple=True, metavar="ADDRESS", help="A DNS server; may be repeated."),
    click.option("--ntp", multiple=True, metavar="ADDRESS", help="A time server; may be repeated."),
    click.option("--domain", help="The clients' domain; empty for none."),
    click.option(
        "--search", multiple=True, metavar="DOMAIN", help="A domain to search; may be repeated."
    ),
    click.option(
        "--allow-unknown/--deny-unknown",
        "allow_unknown",
        default=None,
        help="Whether cards without a reservation get addresses.",
    ),
)


def _told_to_clients(command: Callable[..., Any]) -> Callable[..., Any]:
    return reduce(lambda so_far, option: option(so_far), reversed(_TOLD), command)


@click.group(
    epilog=examples(
        "evenrack subnet list", "evenrack subnet create 10.0.0.0/24 --vlan vlan1 --gateway 10.0.0.1"
    )
)
def subnet() -> None:
    """Show and change the networks on each VLAN."""


@subnet.command(
    "create",
    epilog=examples(
        "evenrack subnet create 10.0.0.0/24 --vlan vlan1 --gateway 10.0.0.1",
        "evenrack subnet create 10.1.0.0/16 --vlan 3 --dns 10.1.0.2 --dns 10.1.0.3 --json",
        "evenrack subnet create fd00:1::/64 --vlan vlan1 --dns fd00:1::53",
    ),
)
@click.argument("cidr")
@click.option("--vlan", required=True, help="The VLAN that it is on, by name or id.")
@_told_to_clients
@json_object
@click.pass_obj
def create_subnet(session: Session, /, cidr: str, *, vlan: str, as_json: bool, **told: Any) -> None:
    """Create a subnet on a VLAN; one of IPv6 where there is one of IPv4."""
    made = session.client().post("/api/v1/subnets", {"vlan": vlan, "cidr": cidr, **_fields(**told)})
    follow = f"evenrack range create --subnet {made['cidr']} FIRST LAST"
    show_done(session, made, as_json=as_json, deed="subnet created", follow=follow)


@subnet.command(
    "list", epilog=examples("evenrack subnet list", "evenrack subnet list --vlan vlan1 --json")
)
@click.option("--vlan", help="Only those on this VLAN.")
@json_list
@click.pass_obj
def list_subnets(session: Session, *, vlan: str | None, as_json: bool) -> None:
    """List subnets."""
    found = all_of(session.client(), "subnets", vlan=vlan)
    session.show(found, [subnets_table(found)], as_json=as_json)


@subnet.command(
    "set",
    epilog=examples(
        "evenrack subnet set 10.0.0.0/24 --gateway 10.0.0.254 --domain example.com",
        "evenrack subnet set 10.0.0.0/24 --no-gateway --no-ntp",
        "evenrack subnet set 10.0.0.0/24 --deny-unknown --search a.example --search b.example",
    ),
)
@click.argument("name", metavar="SUBNET")
@click.option("--vlan", help="Move it to this VLAN.")
@click.option("--cidr", help="Make it this network.")
@_told_to_clients
@click.option("--no-gateway", is_flag=True, help="There is no router.")
@click.option("--no-dns", is_flag=True, help="Tell clients of no DNS server.")
@click.option("--no-ntp", is_flag=True, help="Tell clients of no time server.")
@click.option("--no-search", is_flag=True, help="Tell clients of no domain to search.")
@if_generation
@json_object
@click.pass_obj
def set_subnet(
    session: Session, /, name: str, *, if_generation: str | None, as_json: bool, **options: Any
) -> None:
    """Change a subnet, by its network or its id."""
    no = {key: options.pop(f"no_{key}") for key in ("gateway", "dns", "ntp", "search")}
    place = given(vlan=options.pop("vlan"), cidr=options.pop("cidr"))
    fields = {**place, **_fields(**options)}
    fields = one_or_none(fields, "gateway", remove=no["gateway"])
    fields = one_or_none(fields, "dns_servers", remove=no["dns"], nothing=[])
    fields = one_or_none(fields, "ntp_servers", remove=no["ntp"], nothing=[])
    fields = one_or_none(fields, "search_domains", remove=no["search"], nothing=[])
    changed = set_fields(session, address_of("subnets", name), fields, if_generation)
    follow = f"evenrack vlan show {changed['vlan']}"
    show_done(session, changed, as_json=as_json, deed="subnet changed", follow=follow)


@subnet.command(
    "delete",
    epilog=examples(
        "evenrack subnet delete 10.0.0.0/24 --plan", "evenrack subnet delete 10.0.0.0/24 --yes"
    ),
)
@click.argument("name", metavar="SUBNET")
@deletion_options
@click.pass_obj
def delete_subnet(
    session: Session, /, name: str, *, if_generation: str | None, **how: bool
) -> None:
    """Delete a subnet with its ranges and reservations."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(session, address_of("subnets", name), deletion, _contents)
    if gone is not None:
        say(f"subnet {gone['cidr']} deleted; next: evenrack vlan show {gone['vlan']}")


def _fields(
    *, dns: Sequence[str], ntp: Sequence[str], search: Sequence[str], **others: Any
) -> dict[str, Any]:
    return given(
        dns_servers=list(dns) or None,
        ntp_servers=list(ntp) or None,
        search_domains=list(search) or None,
        **others,
    )


def _contents(client: Client, goes: dict[str, Any]) -> list[Line]:
    return [
        Line(name=plural, value=str(len(all_of(client, plural, subnet=str(goes["id"])))))
        for plural in ("ranges", "reservations", "snippets")
    ]
