"""The entry of `evenrack`: reads clocks and environment, and turns failures into exit codes."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from evenrack.cli.audit import audit
from evenrack.cli.authority import authority
from evenrack.cli.balance import balance
from evenrack.cli.bmc import bmc
from evenrack.cli.credentials import REFUSED_VALUE, CredentialSources
from evenrack.cli.dhcp import dhcp
from evenrack.cli.doctor import doctor
from evenrack.cli.enrolment import enrolment
from evenrack.cli.events import events
from evenrack.cli.examples import examples
from evenrack.cli.ip_range import ip_range
from evenrack.cli.key import key
from evenrack.cli.machine import machine
from evenrack.cli.order import order
from evenrack.cli.problems import problems
from evenrack.cli.rack import rack
from evenrack.cli.region import region
from evenrack.cli.reservation import reservation
from evenrack.cli.session import Session, Surroundings
from evenrack.cli.snippet import snippet
from evenrack.cli.status import status
from evenrack.cli.subnet import subnet
from evenrack.cli.token import token
from evenrack.cli.vlan import vlan
from evenrack.client import SocketTarget, Target, parse_url
from evenrack.errors import ApiRefused, EvenrackError, OutcomeUnknown, RegionUnreachable
from evenrack.lab.clocks import Clocks

FAILED = 1
OUTCOME_UNKNOWN = 3
NOT_ALLOWED = 4
UNREACHABLE = 5
INTERRUPTED = 130
SEVERAL = 2
_FORBIDDEN = frozenset({401, 403})


class _Commands(click.Group):
    """The commands; those of the lab are loaded when one is meant, for they start slower."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "lab"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "lab":
            return super().get_command(ctx, cmd_name)
        from evenrack.cli.lab import lab

        return lab


def _refuse_token(arguments: Sequence[str]) -> None:
    """Refuse a token among the arguments, before or behind the command: it is not used."""
    if any(each == "--token" or each.startswith("--token=") for each in arguments):
        raise click.UsageError(REFUSED_VALUE)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "evenrack lab up",
        "evenrack status",
        "evenrack --region https://region1:5240 --token-file ci.token rack list --json",
        "evenrack events --follow",
    ),
)
@click.option("--region", "urls", multiple=True, metavar="URL", help="A region: https://host:5240.")
@click.option(
    "--socket",
    "sockets",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A region process's administration socket.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The token for --region, in a file that only you can read "
    "[default: ~/.config/evenrack/token].",
)
@click.option("--token-fd", metavar="N", type=int, help="The same, from an open descriptor.")
@click.option(
    "--authority",
    "authority_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Who signs the regions' certificates, for https [default: "
    "~/.config/evenrack/authority.pem, /etc/evenrack/authority.pem].",
)
@click.version_option(package_name="evenrack")
@click.pass_context
def evenrack(
    context: click.Context,
    urls: Sequence[str],
    sockets: Sequence[Path],
    token_file: Path | None,
    token_fd: int | None,
    authority_file: Path | None,
) -> None:
    """Watch and steer a highly available fleet of region and rack controllers.

    Without --region and --socket it asks the region processes of this machine
    (/run/evenrack/regiond-*.sock). Both may be given several times; the first that answers is
    used.
    Exit codes: 0 done, 1 failed, 2 usage, 3 outcome unknown, 4 not allowed, 5 unreachable,
    130 Ctrl-C.
    """
    targets: list[Target] = [SocketTarget(path=path) for path in sockets]
    for url in urls:
        try:
            targets.append(parse_url(url))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--region") from None
    if token_file is not None and token_fd is not None:
        raise click.UsageError("--token-file and --token-fd are both given; give one of the two")
    surroundings: Surroundings = context.obj
    home = surroundings.environment.get("HOME")
    credentials = CredentialSources(
        home=Path(home) if home else None,
        token_file=token_file,
        token_fd=token_fd,
        authority=authority_file,
    )
    context.obj = Session(
        surroundings=surroundings, targets=tuple(targets), credentials=credentials
    )


for _command in (
    *(status, problems, events, doctor, region, rack, balance),
    *(vlan, subnet, ip_range, reservation, snippet, dhcp),
    *(bmc, machine, order),
    *(enrolment, authority, key),
    *(token, audit),
):
    evenrack.add_command(_command)


def run(arguments: Sequence[str], surroundings: Surroundings) -> int:
    """Run one command and return its exit code."""
    try:
        _refuse_token(arguments)
        outcome = evenrack.main(
            list(arguments), prog_name="evenrack", standalone_mode=False, obj=surroundings
        )
    except click.ClickException as error:
        error.show()
        _say_where_it_belongs(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("evenrack: stopped by Ctrl-C", err=True)
        return INTERRUPTED
    except EvenrackError as error:
        click.echo(f"evenrack: {_code(error)}: {_complaint(error)}", err=True)
        return _exit_code(error)
    except OSError as error:  # a folder that cannot be written, a disk that is full
        click.echo(f"evenrack: {type(error).__name__}: {error}", err=True)
        return FAILED
    return outcome if isinstance(outcome, int) else 0


def _say_where_it_belongs(error: click.ClickException) -> None:
    """Tell of an option that a command does not know, and `evenrack` itself does."""
    if not isinstance(error, click.NoSuchOption):
        return
    if any(error.option_name in parameter.opts for parameter in evenrack.params):
        click.echo(f"{error.option_name} stands before the command, right after evenrack", err=True)


def _code(error: EvenrackError) -> str:
    if isinstance(error, ApiRefused):
        return str(error.problem.get("code") or error.problem.get("title") or "ApiRefused")
    return type(error).__name__


def _complaint(error: EvenrackError) -> str:
    """Say what is wrong; when that is several things, each on a line of its own."""
    told = error.problem.get("errors") if isinstance(error, ApiRefused) else None
    if not isinstance(told, list) or len(told) < SEVERAL:
        return str(error)
    lines = [f"  {each.get('detail')}" for each in told if isinstance(each, dict)]
    return "\n".join([str(error).partition(",")[0], *lines])


def _exit_code(error: EvenrackError) -> int:
    if isinstance(error, RegionUnreachable):
        return UNREACHABLE
    if isinstance(error, OutcomeUnknown):
        return OUTCOME_UNKNOWN
    if isinstance(error, ApiRefused) and error.problem.get("status") in _FORBIDDEN:
        return NOT_ALLOWED
    return FAILED


def main() -> None:
    """Run the command line as the program `evenrack`."""
    surroundings = Surroundings(
        environment=os.environ,
        clocks=Clocks(seconds=time.monotonic, sleep=time.sleep, now=lambda: datetime.now(tz=UTC)),
        programs=Path(sys.executable).parent,
        terminal=sys.stdout.isatty(),
    )
    sys.exit(run(sys.argv[1:], surroundings))
