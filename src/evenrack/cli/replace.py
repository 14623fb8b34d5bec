"""`evenrack rack replace`: another rack takes the places of one, in order."""

from typing import Any

import click
from attrs import frozen

from evenrack.cli.choose import choose
from evenrack.cli.drain import (
    LOOK_SECONDS,
    MOST_NAMED,
    PROGRESS_SECONDS,
    DrainWish,
    drain_options,
    drained_line,
)
from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, confirm, given, if_generation
from evenrack.cli.session import Session, say
from evenrack.cli.show import Block, Line, Table, page_text
from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable

AGAIN_SECONDS = 60.0
"""What is waited for is said again so often: mclt may be an hour."""


@frozen(kw_only=True)
class _Wish(DrainWish):
    """How the operator wants to replace."""

    if_generation: str | None


@click.command(
    "replace",
    epilog=examples(
        "evenrack rack replace rack1 rack9 --plan",
        "evenrack rack replace rack1 rack9 -m 'old hardware' --deadline 2h",
        "evenrack rack replace rack1 rack9 --yes --json",
    ),
)
@click.argument("old")
@click.argument("new")
@drain_options
@if_generation
@click.pass_obj
def replace_rack(session: Session, /, old: str, new: str, **wish: Any) -> int:
    """Let rack NEW take the places of rack OLD in DHCP: its roles, and where it was named.

    OLD drains, as with `rack drain`: its BMCs go to whoever has least to do. Waits until all has
    moved; Ctrl-C ends only the waiting. Refused where NEW has no address on a VLAN of OLD. Where
    OLD is lost its dhcpd may go on, so that NEW waits: the command says for what. Exit code 1: it
    goes on only when you have done something.
    """
    client, how = session.client(), _Wish(**wish)
    racks = client.get("/api/v1/racks")
    found, by = choose(racks, old, "rack"), choose(racks, new, "rack")
    path = f"{address_of('racks', found['id'])}/replacement"
    look = f"{path}?by={by['id']}"
    plan = client.get(look)
    if how.only_plan:
        session.show(plan, _page(plan), as_json=how.as_json)
        return 0
    say(page_text(_page(plan)))
    if not plan["hindrances"]:  # otherwise there is nothing to ask, for it is refused
        question = f"replace {plan['old']} by {plan['new']}?"
        confirm(session, yes=how.yes, question=question, refusal="nothing was replaced")
    fields = given(by=by["id"], message=how.message, deadline_seconds=how.deadline)
    begun = client.post(path, fields, if_match=how.if_generation)
    return _end(session, _wait(session, client, look, begun), as_json=how.as_json)


def _end(session: Session, end: dict[str, Any], *, as_json: bool) -> int:
    """Show how it ended, and what is to be done."""
    session.show(end, _page(end), as_json=as_json)
    old, new = end["old"], end["new"]
    waits = _in_state(end, "waits")
    if not waits:
        say(f"{new} has the places of {old}; next: evenrack rack delete {old}")
        return 0
    say(
        f"{len(waits)} VLAN(s) wait for what is said above; {new} takes its place there by itself "
        f"then. To end that: {_resume(end)}"
    )
    return 1


def _wait(session: Session, client: Client, look: str, now: dict[str, Any]) -> dict[str, Any]:
    """Look until nothing moves by itself, with a line about it every few seconds."""
    clocks = session.clocks
    told, told_at = "", float("-inf")
    try:
        while now["to_move"] or _in_state(now, "moves"):
            left = f"{now['new']} replaces {now['old']}, {_left(now)}"
            silence = PROGRESS_SECONDS if left != told else AGAIN_SECONDS
            if clocks.seconds() - told_at >= silence:
                told, told_at = left, clocks.seconds()
                say(left)
            clocks.sleep(LOOK_SECONDS)
            now = client.get(look)
    except (KeyboardInterrupt, RegionUnreachable, ApiRefused):
        say(f"{now['new']} goes on replacing {now['old']}; to end that: {_resume(now)}")
        raise
    return now


def _in_state(replacement: dict[str, Any], *states: str) -> list[dict[str, Any]]:
    return [place for place in replacement["vlans"] if place["state"] in states]


def _resume(replacement: dict[str, Any]) -> str:
    return f"evenrack rack resume {replacement['old']}"


def _left(replacement: dict[str, Any]) -> str:
    """Say what is still to move."""
    places = [
        f"{place['vlan']}{place['why'] and ' (' + place['why'] + ')'}"
        for place in _in_state(replacement, "moves", "waits")
    ]
    whys = [*places, *(each["why"] for each in replacement["to_move"])]
    more = f", and {len(whys) - MOST_NAMED} more" if len(whys) > MOST_NAMED else ""
    return f"{len(whys)} to move: {', '.join(whys[:MOST_NAMED])}{more}"


def _page(replacement: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = [
        Line(name="old", value=replacement["old"]),
        Line(name="new", value=replacement["new"]),
        drained_line(replacement["drained"]),
        Table(
            title="places",
            columns=("VLAN", "as", "with", "state", "why"),
            rows=[
                (
                    place["vlan"],
                    place["role"],
                    place["partner"] or "nobody",
                    place["state"],
                    place["why"] or "-",
                )
                for place in replacement["vlans"]
            ],
        ),
    ]
    for key, title in (("to_move", "moves to others"), ("hindrances", "forbids it")):
        rows = [(each["object"], each["why"]) for each in replacement[key]]
        if rows:
            blocks.append(Table(title=title, columns=("object", "why"), rows=rows))
    return [*blocks, Line(name="generation", value=replacement["generation"])]
