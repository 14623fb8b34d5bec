"""The program `evenrack-regiond`: init, migrate, run."""

import fcntl
import os
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click
from twisted.internet import reactor

from evenrack.config.private_files import private_folder
from evenrack.config.region_config import MOST_PROCESSES, RegionConfig, load_region_config
from evenrack.errors import ConfigurationRefused, EvenrackError
from evenrack.model.identifiers import RegionId, process_id
from evenrack.region.assemble import assemble
from evenrack.region.database.schema import SCHEMA, upgrade
from evenrack.region.database.sessions import setting_problem
from evenrack.region.initialise import Chance, initialise
from evenrack.region.trust.add_key import add_key
from evenrack.runtime.daemon import (
    no_core_dumps,
    raise_file_limit,
    run_daemon,
    use_steady_clock,
)
from evenrack.trust.files import IDENTITY_FILE

EXIT_FAILED = 1
EXIT_REFUSED = 2

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/evenrack/regiond.conf"),
    show_default=True,
    help="The configuration file.",
)


@click.group()
def main() -> None:
    """Run a region process, or prepare the cluster for it."""
    no_core_dumps()


@main.command()
@config_option
def init(path: Path) -> None:
    """Make the schema, the keys and the authority once a cluster, and this host's certificate.

    On every region host; safe to repeat.
    """

    def work(config: RegionConfig) -> None:
        hostname = socket.gethostname()
        chance = Chance(token_bytes=secrets.token_bytes)
        for sentence in initialise(config, hostname=hostname, chance=chance):
            click.echo(sentence)
        click.echo(f"next: evenrack-regiond run --config {path}")

    _with_config(path, work)


@main.command()
@config_option
def migrate(path: Path) -> None:
    """Bring the database to this version's schema; daemons before and after it go on."""

    def work(config: RegionConfig) -> None:
        upgrade(config.database)
        click.echo(f"the database has schema {SCHEMA}")

    _with_config(path, work)


@main.command("add-key")
@config_option
def add_key_command(path: Path) -> None:
    """Write a new key into this host's key file; `evenrack key rotate` then puts it to use."""

    def work(config: RegionConfig) -> None:
        for sentence in add_key(config, token_bytes=secrets.token_bytes):
            click.echo(sentence)

    _with_config(path, work)


@main.command()
@config_option
@click.option("--instance", type=click.IntRange(1, MOST_PROCESSES), default=1, show_default=True)
def run(path: Path, instance: int) -> None:
    """Run region process number INSTANCE of this host."""
    _with_config(path, lambda config: _run(config, instance))


def _with_config(path: Path, work: Callable[[RegionConfig], None]) -> None:
    """Do the work, or say in full what is wrong and exit: 2 for the configuration, 1 else."""
    try:
        work(_load(path))
    except ConfigurationRefused as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(EXIT_REFUSED)
    except EvenrackError as failure:
        click.echo(f"evenrack-regiond: {type(failure).__name__}: {failure}", err=True)
        sys.exit(EXIT_FAILED)


def _load(path: Path) -> RegionConfig:
    config = load_region_config(path)
    problem = setting_problem(config.database)
    if problem is not None:
        raise ConfigurationRefused(path, [f"database: {problem}"])
    return config


def _run(config: RegionConfig, instance: int) -> None:
    process = process_id(RegionId(config.region_name), instance)
    lock = _hold_lock(config.state_dir, instance)
    use_steady_clock(reactor)
    raise_file_limit()
    service = assemble(config, process, instance, reactor)
    code = run_daemon(reactor, service, hurry=service.hurry)
    lock.close()
    sys.exit(code)


def _hold_lock(state_dir: Path, instance: int) -> TextIO:
    """Make sure that this instance runs once on this host."""
    private_folder(state_dir, secrets=[IDENTITY_FILE])
    lock = (state_dir / f"regiond-{instance}.lock").open("a")  # its holder's number stays
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        click.echo(
            f"evenrack-regiond: instance {instance} runs on this host already "
            f"({lock.name} is held); choose another --instance",
            err=True,
        )
        sys.exit(EXIT_FAILED)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
