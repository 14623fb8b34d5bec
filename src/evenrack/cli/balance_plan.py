"""`evenrack balance plan`: what would move now, or if something were gone; nothing is changed."""

from typing import Any
from urllib.parse import urlencode

import click

from evenrack.cli.examples import examples
from evenrack.cli.inventory import json_object
from evenrack.cli.session import Session
from evenrack.cli.show import Block, Line, Table, moves_table

KINDS = ("rack", "process", "region")
PLAN_SECONDS = 10.0
"""5,000 racks with 200,000 BMCs take 2 to 3 s on an idle machine."""


def _known_kinds(
    _context: click.Context, _option: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    for name in names:
        kind, _, wanted = name.partition(":")
        if kind not in KINDS or not wanted:
            forms = ", ".join(f"{each}:NAME" for each in KINDS)
            raise click.BadParameter(f"{name} is none of {forms}")
    return names


@click.command(
    "plan",
    epilog=examples(
        "evenrack balance plan",
        "evenrack balance plan --without rack:rack7",
        "evenrack balance plan --without process:region1/2 --without region:region2 --json",
    ),
)
@click.option(
    "--without",
    "gone",
    multiple=True,
    metavar="rack:R|process:P|region:H",
    callback=_known_kinds,
    help="As if this were gone; can be repeated. A name, an id, or the start of one.",
)
@json_object
@click.pass_obj
def plan_command(session: Session, *, gone: tuple[str, ...], as_json: bool) -> None:
    """Show what would move and why, and what would have nobody.

    As if it were quiet and nothing had to be waited for; the moves that only make it more even,
    too.
    """
    query = urlencode([("without", name) for name in gone])
    address = f"/api/v1/balance/plan{f'?{query}' if query else ''}"
    plan = session.client(seconds=PLAN_SECONDS).get(address)
    session.show(plan, _page(plan), as_json=as_json)


def _page(plan: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = [moves_table(plan["moves"], planned=True)]
    if plan["nobody"]:
        rows = [(each["object"], each["why"]) for each in plan["nobody"]]
        blocks.append(Table(title="would have nobody", columns=("object", "why"), rows=rows))
    if plan["held"]:
        why = "voluntary moves are left out, see `evenrack problems`"
        blocks.append(Line(name="the balance is held", value=why, good=False))
    return blocks
