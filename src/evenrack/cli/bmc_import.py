"""`evenrack bmc import` and `evenrack machine import`: many from a CSV file, all or none."""

from typing import Any

import click

from evenrack.cli.csv_import import Import, import_file, import_options
from evenrack.cli.examples import examples
from evenrack.cli.session import Session


@click.command(
    "import",
    epilog=examples(
        "evenrack bmc import bmcs.csv --plan",
        "evenrack bmc import bmcs.csv --yes --json",
        "evenrack bmc import - --yes",
    ),
)
@import_options
@click.pass_obj
def import_bmcs(session: Session, /, **how: Any) -> None:
    """Make and change BMCs as a CSV FILE says, all of them or none; - reads standard input.

    Its first line names the columns, in any order: name, driver, address, user, and password, port
    and cipher_suite if there are any. A line is about the BMC with its name. An empty password
    leaves the one that is kept. What is not in the file stays.
    """
    import_file(session, Import(plural="bmcs", **how))


@click.command(
    "import",
    epilog=examples(
        "evenrack machine import machines.csv --plan",
        "evenrack machine import machines.csv --yes --json",
        "evenrack machine import - --yes",
    ),
)
@import_options
@click.pass_obj
def import_machines(session: Session, /, **how: Any) -> None:
    """Make and change machines as a CSV FILE says, all of them or none; - reads standard input.

    Its first line names the columns, in any order: name and bmc, the name or the id of its BMC. A
    line is about the machine with its name. What is not in the file stays.
    """
    import_file(session, Import(plural="machines", **how))
