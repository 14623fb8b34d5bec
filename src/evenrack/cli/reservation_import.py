"""`evenrack reservation import`: many reservations from a CSV file, all of them or none."""

from typing import Any

import click

from evenrack.cli.csv_import import Import, import_file, import_options
from evenrack.cli.examples import examples
from evenrack.cli.inventory import given
from evenrack.cli.session import Session


@click.command(
    "import",
    epilog=examples(
        "evenrack reservation import cards.csv --plan",
        "evenrack reservation import cards.csv --vlan vlan1 --yes",
        "evenrack reservation import - --yes --json",
    ),
)
@import_options
@click.option("--vlan", help="Every address has to be on this VLAN.")
@click.pass_obj
def import_reservations(session: Session, /, *, vlan: str | None, **how: Any) -> None:
    """Make and change reservations as a CSV FILE says, all of them or none; - reads standard input.

    Its first line names the columns, in any order: mac, address, and hostname if there is one. For
    IPv6 addresses a line may have a duid instead of a mac. A card or DUID that has an address of
    that family on the VLAN gets this one instead. What is not in the file stays.
    """
    import_file(session, Import(plural="reservations", **how), **given(vlan=vlan))
