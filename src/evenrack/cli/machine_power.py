"""`evenrack machine power`: switch machines, many at once, and see how that ended."""

from collections import Counter
from typing import Any

import click

from evenrack.cli.examples import examples
from evenrack.cli.session import Session, echo_json, say
from evenrack.cli.show_power import outcomes_table
from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable

ACTIONS = ("on", "off", "cycle", "query", "soft", "reset")
BOOT_DEVICES = ("pxe", "disk", "bios")
OUTCOME_UNKNOWN = 3
LOOK_SECONDS = 0.2
PROGRESS_SECONDS = 5.0
MOST_IN_A_LOOK = 500
SERVER_ERRORS = 500
"""HTTP statuses from here on say that the region could not do it just now."""
SHOWN = ("machine", "order", "action", "boot", "result", "state", "rack", "seconds", "error")


@click.command(
    "power",
    epilog=examples(
        "evenrack machine power on m1 m2 --wait",
        "evenrack machine power cycle m7 --wait --json",
        "evenrack machine power cycle m7 --boot pxe --wait",
        "evenrack machine power query m1",
    ),
)
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--boot",
    type=click.Choice(BOOT_DEVICES),
    help="Start from there, this time only (on, cycle, reset).",
)
@click.option("--wait", is_flag=True, help="Wait for the end of every order.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_obj
def power(
    session: Session,
    /,
    action: str,
    names: tuple[str, ...],
    *,
    boot: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Order a power state of machines, or ask for it.

    `cycle` of a machine that is off turns it on; `query` looks. `soft` asks the operating system to
    shut down, `reset` restarts what is on: both are sent once. `--boot` has the machine start from
    the network, its disk or its setup, this time only; with it, `on` fails where it is on already.
    Exit codes: 0 all is done (or ordered, without --wait), 1 something failed, 3 something is
    unknown: look before you repeat.
    """
    client = session.client()
    wanted = {"machines": list(names), "action": action}
    if boot is not None:  # a region of an older version has no such field
        wanted["boot"] = boot
    orders = client.post("/api/v1/orders", wanted)
    if wait:
        orders = _ended(session, client, orders)
    if as_json:
        # a region of an older version tells of no boot device
        rows = ({"boot": None, **order} for order in orders)
        echo_json([{key: row[key] for key in SHOWN} for row in rows])
    else:
        session.draw([outcomes_table(orders)])
    if not wait:
        say(f"next: evenrack order show {orders[0]['order']}")
        return 0
    return _exit_code(orders)


def _ended(session: Session, client: Client, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Wait until every order has ended; a region that goes away meanwhile is waited for too."""
    progress = _Progress(session)
    while any(order["result"] is None for order in orders):
        session.clocks.sleep(LOOK_SECONDS)
        try:
            orders = _as_they_are_now(client, orders)
        except (RegionUnreachable, ApiRefused) as problem:
            if _is_final(problem):
                raise
            say(f"waiting: {problem}")
            session.clocks.sleep(1.0)
        progress.tell(orders)
    progress.end()
    return orders


class _Progress:
    """Tells how many have ended: in place on a terminal, as a line now and then elsewhere."""

    def __init__(self, session: Session) -> None:
        self._clocks = session.clocks
        self._live = session.surroundings.terminal
        self._told_at = session.clocks.seconds()
        self._shown = ""

    def tell(self, orders: list[dict[str, Any]]) -> None:
        results = Counter(order["result"] for order in orders)
        words = f"{len(orders) - results[None]} of {len(orders)} ended"
        if self._live:
            bad = [f"{results[bad]} {bad}" for bad in ("failed", "unknown") if results[bad]]
            self._show(", ".join([words, *bad]))
        elif self._clocks.seconds() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = self._clocks.seconds()
            say(words)

    def end(self) -> None:
        """Leave the line that was written in place."""
        if self._shown:
            say("")

    def _show(self, words: str) -> None:
        if words != self._shown:
            click.echo(f"\r{words.ljust(len(self._shown))}", nl=False, err=True)
            self._shown = words


def _as_they_are_now(client: Client, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Look at them again; of one that is gone with its machine nobody knows how it ended."""
    found = {}
    for start in range(0, len(orders), MOST_IN_A_LOOK):
        part = orders[start : start + MOST_IN_A_LOOK]
        ids = ",".join(str(order["order"]) for order in part)
        for order in client.get(f"/api/v1/orders?ids={ids}&limit={len(part)}"):
            found[order["order"]] = order
    gone = {"result": "unknown", "error": "the order is gone: was its machine deleted?"}
    return [found.get(order["order"], {**order, **gone}) for order in orders]


def _is_final(problem: RegionUnreachable | ApiRefused) -> bool:
    """Tell whether asking again is useless: the mistake is on this side."""
    status = problem.problem.get("status") if isinstance(problem, ApiRefused) else None
    return isinstance(status, int) and status < SERVER_ERRORS


def _exit_code(orders: list[dict[str, Any]]) -> int:
    results = {order["result"] for order in orders}
    if "unknown" in results:
        return OUTCOME_UNKNOWN
    return 1 if "failed" in results else 0
