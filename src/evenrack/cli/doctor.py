"""`evenrack doctor`: one check a line, with what was seen, why, and what to do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from evenrack.cli.doctor_before_install import findings_on_this_host
from evenrack.cli.doctor_checks import Finding, findings_of
from evenrack.cli.examples import examples
from evenrack.cli.session import Session
from evenrack.cli.show import Table
from evenrack.client import Client
from evenrack.errors import ApiRefused, RegionUnreachable

CONFIGURATION = Path("/etc/evenrack")
_CANNOT_SAY = frozenset({404, 503})
"""A region process of an earlier version; one that does not reach its database."""


@click.command(
    epilog=examples(
        "evenrack doctor",
        "evenrack doctor --json",
        "evenrack doctor --before-install",
        "evenrack --region https://region1:5240 doctor",
    )
)
@click.option(
    "--before-install",
    is_flag=True,
    help="Check this host instead: programs, configuration files, keys; asks no region.",
)
@click.option(
    "--configuration",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=CONFIGURATION,
    show_default=True,
    help="Where regiond.conf and rackd.conf are, for --before-install.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.pass_context
def doctor(
    context: click.Context, *, before_install: bool, configuration: Path, as_json: bool
) -> None:
    """Check everything once, and say what to do about what is not well.

    Exits 1 when a check says FAIL; what is only to be known is WARN.
    """
    session: Session = context.obj
    if before_install:
        search = session.surroundings.environment.get("PATH", "")
        found = findings_on_this_host(configuration, search_path=search)
    else:
        found = _asked(session.client())
    session.show([asdict(each) for each in found], [_table(found)], as_json=as_json)
    if any(each.verdict == "FAIL" for each in found):
        context.exit(1)


def _asked(client: Client) -> list[Finding]:
    """Ask a region; that none answers is a finding, too."""
    try:
        status = client.get("/api/v1/status")
        return findings_of(status, _condition(client))
    except RegionUnreachable as problem:
        return [
            Finding(
                id="api",
                verdict="FAIL",
                seen=str(problem),
                cause="No region process runs here, or none can be reached from here.",
                cure="on a region host: systemctl start evenrack-regiond@1",
            )
        ]


def _condition(client: Client) -> Mapping[str, Any] | None:
    try:
        condition: Mapping[str, Any] = client.get("/api/v1/doctor")
    except ApiRefused as refusal:
        if refusal.problem.get("status") in _CANNOT_SAY:
            return None
        raise
    return condition


def _table(found: Sequence[Finding]) -> Table:
    return Table(
        title="",
        columns=("verdict", "check", "seen", "cause", "cure"),
        rows=[
            (each.verdict, each.id, each.seen, each.cause or "-", each.cure or "-")
            for each in found
        ],
    )
