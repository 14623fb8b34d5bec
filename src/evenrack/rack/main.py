"""The program `evenrack-rackd`."""

import fcntl
import random
import secrets
import sys
from pathlib import Path
from typing import TextIO

import click
from twisted.internet import reactor

from evenrack.config.rack_config import RackConfig, load_rack_config
from evenrack.config.secret_file import load_secret
from evenrack.errors import ConfigurationRefused
from evenrack.rack.assemble import assemble
from evenrack.runtime.daemon import run_daemon, use_steady_clock

EXIT_FAILED = 1
EXIT_REFUSED = 2


@click.group()
def main() -> None:
    """Run the rack daemon of this host."""


@main.command()
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/evenrack/rackd.conf"),
    show_default=True,
    help="The configuration file.",
)
def run(path: Path) -> None:
    """Connect to the regions and carry out this rack's plan."""
    try:
        config = load_rack_config(path)
        secret = load_secret(config.secret_file)
        lock = _hold_lock(config)
        use_steady_clock(reactor)
        service = assemble(
            config, secret, reactor, jitter=random.random, token_bytes=secrets.token_bytes
        )
    except ConfigurationRefused as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(EXIT_REFUSED)
    code = run_daemon(reactor, service)
    lock.close()
    sys.exit(code)


def _hold_lock(config: RackConfig) -> TextIO:
    """Make sure that one daemon uses this state folder, and so this identity."""
    config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
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
