"""`evenrack rack drain`, `evenrack region drain`, and their ends: to have nothing to do."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import frozen

from evenrack.cli.choose import choose
from evenrack.cli.duration import DURATION
from evenrack.cli.examples import examples
from evenrack.cli.inventory import address_of, confirm, given, json_object
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show import Block, Line, Table, page_text
from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable

LOOK_SECONDS = 0.5
PROGRESS_SECONDS = 5.0
MOST_NAMED = 3
MOST_SECONDS_STEPPING_DOWN = 10.0

Command = TypeVar("Command", bound=Callable[..., Any])


@frozen(kw_only=True)
class DrainWish:
    """How the operator wants to drain."""

    message: str | None
    deadline: int | None
    only_plan: bool
    yes: bool
    as_json: bool


def drain_options(command: Command) -> Command:
    """Add the options of every command that drains."""
    message = click.option("-m", "--message", help="Why, for whoever looks.")
    deadline = click.option(
        "--deadline",
        type=DURATION,
        metavar="SPAN",
        help="When you want to be through: 90s, 30m, 2h, 7d. Later it is a problem "
        "(DrainForgotten); nothing else happens. [default: a day]",
    )
    plan = click.option("--plan", "only_plan", is_flag=True, help="Only show what would move.")
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    for option in (json_object, yes, plan, deadline, message):
        command = option(command)
    return command


@click.command(
    "drain",
    epilog=examples(
        "evenrack rack drain rack1 --plan",
        "evenrack rack drain rack1 -m 'new fan' --deadline 2h",
        "evenrack rack drain rack1 --yes --json",
    ),
)
@click.argument("name")
@drain_options
@click.pass_obj
def drain_rack(session: Session, /, name: str, **wish: Any) -> None:
    """Give a rack nothing any more, and move away what it has: BMCs and DHCP roles.

    Waits until all has moved; Ctrl-C ends only the waiting. Refused when something would have
    nobody. A VLAN for which no other rack is there keeps it as its secondary.
    """
    client = session.client()
    found = choose(client.get("/api/v1/racks"), name, "rack")
    _drain(session, client, f"rack:{found['id']}", DrainWish(**wish))


@click.command(
    "resume", epilog=examples("evenrack rack resume rack1", "evenrack rack resume rack1 --json")
)
@click.argument("name")
@json_object
@click.pass_obj
def resume_rack(session: Session, name: str, *, as_json: bool) -> None:
    """Let a rack that was drained be given something again."""
    client = session.client()
    found = choose(client.get("/api/v1/racks"), name, "rack")
    _resume(client, f"rack:{found['id']}", as_json=as_json)


@click.command(
    "drain",
    epilog=examples(
        "evenrack region drain region1 --plan",
        "evenrack region drain region1/2 -m 'new kernel' --deadline 30m --yes",
    ),
)
@click.argument("name")
@drain_options
@click.pass_obj
def drain_region(session: Session, /, name: str, **wish: Any) -> None:
    """Give a region host, or one process (region1/2), nothing any more: its racks move away.

    Waits until all have moved; Ctrl-C ends only the waiting. Refused when a rack would have nobody.
    To stop a process in order needs no drain: it does the same by itself.
    """
    client = session.client()
    _drain(session, client, _region_or_process(client, name), DrainWish(**wish))


@click.command(
    "resume", epilog=examples("evenrack region resume region1", "evenrack region resume region1/2")
)
@click.argument("name")
@json_object
@click.pass_obj
def resume_region(session: Session, name: str, *, as_json: bool) -> None:
    """Let a region host, or a process, that was drained be given racks again."""
    client = session.client()
    _resume(client, _region_or_process(client, name), as_json=as_json)


@click.command("step-down", epilog=examples("evenrack region step-down"))
@json_object
@click.pass_obj
def step_down(session: Session, *, as_json: bool) -> int:
    """Let another process lead; nothing is moved by that."""
    client, clocks = session.client(), session.clocks
    before = client.post("/api/v1/leader/step-down", {})["leader"]
    end = clocks.seconds() + MOST_SECONDS_STEPPING_DOWN
    while True:
        leader = client.get("/api/v1/status")["leader"]
        if leader not in {None, before} or clocks.seconds() >= end:
            break
        clocks.sleep(LOOK_SECONDS)
    if as_json:
        echo_json({"before": before, "leader": leader})
    if leader in {None, before}:
        say(f"no other process leads yet; {before} goes on until one can: evenrack status")
        return 1
    say(f"{leader} leads now, before it {before}; next: evenrack status")
    return 0


def _region_or_process(client: Client, name: str) -> str:
    """Find what is meant, as drains are named."""
    regions = client.get("/api/v1/regions")
    if "/" not in name:
        return f"region:{choose(regions, name, 'region')['id']}"
    processes = [
        {**process, "hostname": process["id"]} for r in regions for process in r["processes"]
    ]
    return f"process:{choose(processes, name, 'region process')['id']}"


def _drain(session: Session, client: Client, what: str, wish: DrainWish) -> None:
    """Show the plan, ask, begin, and wait until all has moved."""
    path = address_of("drains", what)
    plan = client.get(path)
    if wish.only_plan:
        session.show(plan, _page(plan), as_json=wish.as_json)
        return
    say(page_text(_page(plan)))
    if not plan["would_have_nobody"]:  # otherwise there is nothing to ask, for it is refused
        confirm(
            session, yes=wish.yes, question=f"drain {plan['name']}?", refusal="nothing was drained"
        )
    fields = given(message=wish.message, deadline_seconds=wish.deadline)
    end = _wait(session, client, path, client.post(path, fields))
    session.show(end, _page(end), as_json=wish.as_json)
    say(f"{end['name']} has nothing left that could move; next: {_resume_command(end)}")


def _wait(session: Session, client: Client, path: str, drain: dict[str, Any]) -> dict[str, Any]:
    """Look until all has moved, with a line about it every few seconds."""
    clocks = session.clocks
    told_at = float("-inf")
    try:
        while drain["to_move"]:
            if clocks.seconds() - told_at >= PROGRESS_SECONDS:
                told_at = clocks.seconds()
                say(f"{drain['name']} drains, {_left(drain)}")
            clocks.sleep(LOOK_SECONDS)
            drain = client.get(path)
    except (KeyboardInterrupt, RegionUnreachable, ApiRefused):
        say(f"{drain['name']} goes on draining; to end that: {_resume_command(drain)}")
        raise
    return drain


def _resume(client: Client, what: str, *, as_json: bool) -> None:
    ended = client.delete(address_of("drains", what))
    if as_json:
        echo_json(ended)
    say(f"{ended['name']} is drained no more; next: evenrack status")


def _resume_command(drain: dict[str, Any]) -> str:
    noun = "rack" if drain["kind"] == "rack" else "region"
    return f"evenrack {noun} resume {drain['name']}"


def _left(drain: dict[str, Any]) -> str:
    """Say what is still to move."""
    whys = [each["why"] for each in drain["to_move"]]
    more = f", and {len(whys) - MOST_NAMED} more" if len(whys) > MOST_NAMED else ""
    return f"{len(whys)} to move: {', '.join(whys[:MOST_NAMED])}{more}"


def drained_line(drained: dict[str, Any] | None) -> Line:
    """Say by whom something is drained, since when and why, or that it is not."""
    state = "no"
    if drained is not None:
        message = f": {drained['message']}" if drained["message"] else ""
        until = f", until {drained['deadline']}" if drained["deadline"] else ""
        state = f"by {drained['who']} since {drained['since']}{until}{message}"
    return Line(name="drained", value=state)


def _page(drain: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = [Line(name="name", value=drain["name"]), drained_line(drain["drained"])]
    for key, title in (
        ("to_move", "moves away"),
        ("stays", "stays"),
        ("would_have_nobody", "would have nobody"),
    ):
        rows = [(each["object"], each["why"]) for each in drain[key]]
        if rows or key == "to_move":
            blocks.append(
                Table(title=title, columns=("object", "why"), rows=rows, when_empty="nothing")
            )
    return blocks
