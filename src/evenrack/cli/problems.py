"""`evenrack problems`: what is wrong now, and what each problem means."""

from typing import Any

import click
from attrs import asdict

from evenrack.cli.choose import NoSuchName
from evenrack.cli.examples import examples
from evenrack.cli.session import Session, echo_json
from evenrack.cli.show import Line, problems_table
from evenrack.problems import CATALOGUE, Problem


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "evenrack problems", "evenrack problems --json", "evenrack problems explain RackLost"
    ),
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_context
def problems(context: click.Context, *, as_json: bool) -> None:
    """Show what is wrong now, the worst first."""
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    found = session.client().get("/api/v1/problems")
    session.show(found, [problems_table(found)], as_json=as_json)


@problems.command(
    epilog=examples(
        "evenrack problems explain RackUnmanaged", "evenrack problems explain NoLeader --json"
    )
)
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def explain(session: Session, code: str, *, as_json: bool) -> None:
    """Say what a problem means, who suffers and what to do; needs no region."""
    entry = _find(code)
    if as_json:
        echo_json(_explained(entry))
    else:
        session.draw(Line(name=name, value=str(value)) for name, value in _explained(entry).items())


def _find(code: str) -> Problem:
    for known, entry in CATALOGUE.items():
        if known.lower() == code.lower():
            return entry
    raise NoSuchName(f'no problem has the code "{code}"; codes are: {", ".join(CATALOGUE)}')


def _explained(entry: Problem) -> dict[str, Any]:
    fields = asdict(entry)
    return {name: fields[name] for name in ("code", "meaning", "suffers", "do")}
