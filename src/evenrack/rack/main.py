"""The program `evenrack-rackd`."""

import fcntl
import gc
import random
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from evenrack.config.private_files import act_as_owner
from evenrack.config.rack_config import RackConfig, load_rack_config
from evenrack.config.secret_file import load_secret
from evenrack.errors import ConfigurationRefused, EvenrackError
from evenrack.model.host_port import HostPort, parse_host_port
from evenrack.rack.assemble import assemble, endpoint_of
from evenrack.rack.register import Joined, Newcomer, register_anywhere
from evenrack.rack.state_folder import StateFolder
from evenrack.runtime.daemon import no_core_dumps, run_daemon, use_steady_clock
from evenrack.runtime.wall_clock import utc_now
from evenrack.trust.enrolment import EnrolmentSecret, enrolment_secret_from_text

EXIT_FAILED = 1
EXIT_REFUSED = 2


config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/evenrack/rackd.conf"),
    show_default=True,
    help="The configuration file.",
)


@click.group()
def main() -> None:
    """Enrol this host as a rack, and run its daemon."""
    no_core_dumps()


@main.command()
@config_option
def run(path: Path) -> None:
    """Connect to the regions and carry out this rack's plan."""
    with _refusals_told():
        config = load_rack_config(path)
        lock = _hold_lock(config)
        use_steady_clock(reactor)
        service = assemble(config, reactor, jitter=random.random, token_bytes=secrets.token_bytes)
    gc.freeze()  # a search for garbage need not look at what is there for good
    code = run_daemon(reactor, service)
    lock.close()
    sys.exit(code)


@main.command()
@config_option
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="HOST:PORT",
    help="A region to ask; may be repeated. [default: those of the configuration file]",
)
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    help="The file with the enrolment secret; - reads it from standard input. "
    "[default: secret_file of the configuration file]",
)
@click.option("--again", is_flag=True, help="Even if this rack is enrolled already.")
def register(
    path: Path, regions: tuple[str, ...], secret_file: Path | None, *, again: bool
) -> None:
    """Enrol this rack with the secret that `evenrack enrolment create` printed."""
    with _refusals_told():
        config = load_rack_config(path)
        state = StateFolder(config.state_dir)
        if state.trust.are_there and not again:
            click.echo(f"this is rack {state.rack_id()} already; --again enrols it anew", err=True)
            return
        asked = _asked_regions(regions) or config.regions
        secret = _enrolment_secret(secret_file or config.secret_file)
        act_as_owner(config.state_dir)  # what root makes there the daemon cannot read
        lock = _hold_lock(config)
        joined = _join(config, asked, secret)
        joined.keep(state)
        lock.close()
    click.echo(f"enrolled as rack {joined.rack}; next: evenrack-rackd run --config {path}")


def _join(config: RackConfig, regions: Sequence[HostPort], secret: EnrolmentSecret) -> Joined:
    newcomer = Newcomer(hostname=config.rack_name, secret=secret, clock=reactor, wall_clock=utc_now)
    endpoints = [(str(region), endpoint_of(reactor, region)) for region in regions]
    outcome: list[Joined | Failure] = []

    def ended(result: Joined | Failure) -> None:
        outcome.append(result)
        reactor.stop()

    def begin() -> None:
        joining = register_anywhere(endpoints, newcomer, lambda why: click.echo(why, err=True))
        Deferred.fromCoroutine(joining).addBoth(ended)

    reactor.callWhenRunning(begin)
    reactor.run()
    (result,) = outcome
    if isinstance(result, Failure):
        result.raiseException()
    return result


def _asked_regions(regions: Sequence[str]) -> tuple[HostPort, ...]:
    try:
        return tuple(parse_host_port(region) for region in regions)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="--region") from None


def _enrolment_secret(path: Path) -> EnrolmentSecret:
    """Read the secret; it never stands in an argument, where every user of the host reads it."""
    text = sys.stdin.readline() if path == Path("-") else load_secret(path).reveal().decode()
    try:
        return enrolment_secret_from_text(text)
    except ValueError as problem:
        raise ConfigurationRefused(path, [str(problem)]) from None


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Say in full what is wrong and exit: 2 for the configuration, 1 else."""
    try:
        yield
    except ConfigurationRefused as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(EXIT_REFUSED)
    except EvenrackError as failure:
        click.echo(f"evenrack-rackd: {type(failure).__name__}: {failure}", err=True)
        sys.exit(EXIT_FAILED)


def _hold_lock(config: RackConfig) -> TextIO:
    """Make sure that one daemon uses this state folder, and so this identity."""
    StateFolder(config.state_dir).make_private()
    lock = (config.state_dir / "rackd.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        click.echo(
            f"evenrack-rackd: another rack daemon uses {config.state_dir} ({lock.name} is held)",
            err=True,
        )
        sys.exit(EXIT_FAILED)
    return lock
