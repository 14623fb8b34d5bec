"""`evenrack balance solve`: the pure balancer on a file; no region, no database."""

from pathlib import Path

import click

from evenrack.balance.solve import solve
from evenrack.balance.state_file import StateRefused, read_state
from evenrack.cli.examples import examples
from evenrack.cli.session import echo_json

MOST_BYTES = 256 << 20


@click.command(
    "solve",
    epilog=examples("evenrack balance solve --state fleet.json"),
)
@click.option(
    "--state",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="What there is, as JSON (docs/operating.md); - reads standard input.",
)
def solve_command(path: Path) -> None:
    """Show who would own what, and why, for a state from a file.

    Items without an owner are placed, then moves are made until all is in band. Nothing is asked
    of any region, and nothing is changed.
    """
    try:
        answer = solve(read_state(_text_of(path)))
    except StateRefused as problem:
        raise click.ClickException(f"{path}: {problem}") from None
    echo_json(answer)


def _text_of(path: Path) -> str:
    try:
        with click.open_file(str(path), "rb") as file:
            content: bytes = file.read(MOST_BYTES + 1)
    except OSError as problem:
        why = problem.strerror or problem
        raise click.ClickException(f"{path}: it cannot be read: {why}") from None
    if len(content) > MOST_BYTES:
        raise click.ClickException(f"{path}: it is over {MOST_BYTES >> 20} MB")
    try:
        return content.decode()
    except UnicodeDecodeError as problem:
        raise click.ClickException(f"{path}: it is no UTF-8: {problem.reason}") from None
