"""The `--dir` option of every lab command."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from evenrack.cli.session import Session
from evenrack.lab.refusals import LabRefused

NO_NET_HELP = "Plain processes on loopback: no namespaces, so no cables to cut."


def directory_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dir to a command."""
    return click.option(
        "--dir",
        "directory",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The lab's folder. [default: ~/.local/state/evenrack/lab]",
    )(command)


def lab_folder(session: Session, directory: Path | None) -> Path:
    """Say which folder is meant, as an absolute path without symbolic links."""
    return (directory or default_folder(session.surroundings.environment)).expanduser().resolve()


def lab_command(words: str, directory: Path | None) -> str:
    """Write a lab command for the operator to type next, for the same lab."""
    return f"evenrack lab {words}" + (f" --dir {directory}" if directory is not None else "")


def default_folder(environment: Mapping[str, str]) -> Path:
    """Follow the XDG rule for things that a user keeps between runs."""
    state = environment.get("XDG_STATE_HOME")
    if state:
        return Path(state) / "evenrack" / "lab"
    home = environment.get("HOME")
    if not home:
        raise LabRefused("HOME is not set, so there is no default folder; give --dir")
    return Path(home) / ".local" / "state" / "evenrack" / "lab"
