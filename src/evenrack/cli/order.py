"""`evenrack order`: power orders, how far they are and how they ended."""

from typing import Any
from urllib.parse import urlencode

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import confirm
from evenrack.cli.session import Session, say
from evenrack.cli.show import object_page
from evenrack.cli.show_power import orders_table

NOTHING_SENT = "NEW"
NOT_TAKEN_BACK = "what was sent is not taken back"
HEARD_LATE = ", and until then this cycle may still turn the machine on"
MOST_DIGITS = 18
"""Of a number that PostgreSQL gives to an order."""


class OrderNumber(click.ParamType[int]):
    """The number of an order, as the command line shows it."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; what is none is refused with where numbers are to be found."""
        text = str(value)
        digits = text.lstrip("0") if text.isascii() and text.isdecimal() else ""
        if not 0 < len(digits) <= MOST_DIGITS:
            self.fail(
                f'"{text}" is not the number of an order, such as 17: '
                "`evenrack order list` shows them, `evenrack order list --machine NAME` those of "
                "a machine",
                param,
                ctx,
            )
        return int(digits)


@click.group(
    epilog=examples("evenrack order list", "evenrack order show 17", "evenrack order cancel 17")
)
def order() -> None:
    """Show and cancel power orders: phases, rack, who, when, and how they ended."""


@order.command(
    "list", epilog=examples("evenrack order list", "evenrack order list --machine m7 --json")
)
@click.option("--machine", help="Only orders of this machine.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1000),
    default=20,
    show_default=True,
    help="At most so many, the newest.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def list_orders(session: Session, *, machine: str | None, limit: int, as_json: bool) -> None:
    """List the newest orders, the oldest of them first."""
    query = {"limit": str(limit), **({} if machine is None else {"machine": machine})}
    found = session.client().get(f"/api/v1/orders?{urlencode(query)}")
    session.show(found, [orders_table(found)], as_json=as_json)


@order.command("show", epilog=examples("evenrack order show 17", "evenrack order show 17 --json"))
@click.argument("number", type=OrderNumber())
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show_order(session: Session, number: int, *, as_json: bool) -> None:
    """Show one order."""
    found = session.client().get(f"/api/v1/orders/{number}")
    session.show(found, object_page(found), as_json=as_json)


@order.command(
    "cancel", epilog=examples("evenrack order cancel 17", "evenrack order cancel 17 --yes --json")
)
@click.argument("number", type=OrderNumber())
@click.option("--yes", is_flag=True, help="Do not ask, also when something was sent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def cancel_order(session: Session, number: int, *, yes: bool, as_json: bool) -> None:
    """Cancel an order: nothing more of it is sent once its rack has heard of it.

    What was sent is not taken back. A `cycle` that has turned the machine off leaves it off, unless
    its rack does not hear of it in time: then it may still turn it on. `evenrack order show` tells.
    """
    client = session.client()
    path = f"/api/v1/orders/{number}"
    found = client.get(path)
    if found["result"] is None and found["phase"] != NOTHING_SENT:
        say(f"{found['action']} of {found['machine']} is at {found['phase']}: {NOT_TAKEN_BACK}")
        confirm(session, yes=yes, question="cancel the rest?", refusal="nothing was cancelled")
    done = client.post(f"{path}/cancel", {})
    session.show(done, object_page(done), as_json=as_json)
    if done["result"] is None:
        until = HEARD_LATE if done["action"] == "cycle" else ""
        say(
            f"cancelling order {number}: nothing more is sent once its rack has heard of it"
            f"{until}; {NOT_TAKEN_BACK}; {_next(number)}"
        )
    else:
        say(f"order {number} is cancelled: nothing was sent; next: evenrack order list")


def _next(number: int) -> str:
    return f"next: evenrack order show {number}"
