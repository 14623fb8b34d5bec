"""`evenrack reservation`: addresses that are kept for one machine each, by its cards."""

from collections.abc import Sequence
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
from evenrack.cli.reservation_import import import_reservations
from evenrack.cli.session import Session, say
from evenrack.cli.show import reservations_table

MAC_COLONS = 5

_hostname = click.option("--hostname", help="Told to the client; empty for none.")
_other_macs = click.option(
    "--other-mac", multiple=True, metavar="MAC", help="One more card of it; may be repeated."
)


@click.group(
    epilog=examples(
        "evenrack reservation list", "evenrack reservation create 52:54:00:12:34:56 10.0.0.20"
    )
)
def reservation() -> None:
    """Show and change the addresses that are kept for one network card each."""


@reservation.command(
    "create",
    epilog=examples(
        "evenrack reservation create 52:54:00:12:34:56 10.0.0.20 --hostname node7",
        "evenrack reservation create 52-54-00-12-34-56 10.0.0.20 --subnet 10.0.0.0/24 --json",
        "evenrack reservation create 52:54:00:12:34:56 10.0.0.20 --other-mac 52:54:00:12:34:57",
        "evenrack reservation create 52:54:00:12:34:56 fd00:1::20",
        "evenrack reservation create 00:02:00:00:ab:11:01 fd00:1::21",
    ),
)
@click.argument("mac", metavar="MAC|DUID")
@click.argument("address")
@_hostname
@_other_macs
@click.option("--subnet", metavar="CIDR", help="Its subnet; found by the address when not given.")
@json_object
@click.pass_obj
def create_reservation(
    session: Session,
    /,
    mac: str,
    address: str,
    *,
    other_mac: Sequence[str],
    as_json: bool,
    **fields: str | None,
) -> None:
    """Keep an address for the network card with this MAC address.

    A machine that boots from any of several cards is one reservation with all of them; only one of
    them can have the address at a time. An IPv6 address is kept for a card that is in the DUID of
    its machine (mostly so), or for the DUID itself.
    """
    wanted = given(other_macs=list(other_mac) or None, **fields)
    who = {"mac" if _is_card(mac) else "duid": mac, "address": address}
    made = session.client().post("/api/v1/reservations", {**who, **wanted})
    follow = f"evenrack reservation list --subnet {made['subnet']}"
    show_done(session, made, as_json=as_json, deed="reservation created", follow=follow)


@reservation.command(
    "list",
    epilog=examples("evenrack reservation list", "evenrack reservation list --vlan vlan1 --json"),
)
@click.option("--vlan", help="Only those on this VLAN.")
@click.option("--subnet", metavar="CIDR", help="Only those of this subnet.")
@json_list
@click.pass_obj
def list_reservations(
    session: Session, *, vlan: str | None, subnet: str | None, as_json: bool
) -> None:
    """List reservations."""
    found = all_of(session.client(), "reservations", vlan=vlan, subnet=subnet)
    session.show(found, [reservations_table(found)], as_json=as_json)


@reservation.command(
    "set",
    epilog=examples(
        "evenrack reservation set 52:54:00:12:34:56 --address 10.0.0.21",
        'evenrack reservation set 10.0.0.21 --hostname "" --if-generation 1.9',
    ),
)
@click.argument("name", metavar="RESERVATION")
@click.option("--mac", help="Keep the address for this card.")
@click.option("--duid", help="Keep the IPv6 address for the machine that calls itself so.")
@click.option("--address", help="Keep this address.")
@_hostname
@_other_macs
@click.option("--no-other-macs", is_flag=True, help="Keep it for one card only.")
@click.option("--subnet", metavar="CIDR", help="Move it to this subnet.")
@if_generation
@json_object
@click.pass_obj
def set_reservation(
    session: Session,
    /,
    name: str,
    *,
    other_mac: Sequence[str],
    if_generation: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Change a reservation, by one of its cards, its address or its id."""
    path = address_of("reservations", name)
    for_one_card = options.pop("no_other_macs")
    fields = given(other_macs=list(other_mac) or None, **options)
    fields = one_or_none(fields, "other_macs", remove=for_one_card, nothing=[])
    changed = set_fields(session, path, fields, if_generation)
    follow = f"evenrack reservation list --subnet {changed['subnet']}"
    show_done(session, changed, as_json=as_json, deed="reservation changed", follow=follow)


@reservation.command(
    "delete",
    epilog=examples(
        "evenrack reservation delete 52:54:00:12:34:56 --yes",
        "evenrack reservation delete 10.0.0.20 --plan",
    ),
)
@click.argument("name", metavar="RESERVATION")
@deletion_options
@click.pass_obj
def delete_reservation(
    session: Session, /, name: str, *, if_generation: str | None, **how: bool
) -> None:
    """Delete a reservation, by its card, its address or its id."""
    deletion = Deletion(generation=if_generation, **how)
    gone = delete_after_plan(
        session, address_of("reservations", name), deletion, lambda _client, _goes: []
    )
    if gone is not None:
        say(f"reservation deleted; next: evenrack reservation list --subnet {gone['subnet']}")


def _is_card(text: str) -> bool:
    """Tell a card from a DUID, which has six bytes in no kind that there is but a card's own."""
    return ":" not in text or text.count(":") == MAC_COLONS


reservation.add_command(import_reservations)
