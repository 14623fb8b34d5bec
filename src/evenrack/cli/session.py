"""What every command is handed: the surroundings of the program, and where the regions are."""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from attrs import field, frozen

from evenrack.cli.credentials import CredentialSources
from evenrack.cli.show import Block, page_text
from evenrack.client import (
    NO_CREDENTIALS,
    Client,
    Repeats,
    SocketTarget,
    Target,
    UrlTarget,
    new_change_key,
)
from evenrack.lab.clocks import Clocks

RUN_FOLDER = Path("/run/evenrack")
ANSWER_SECONDS = 3.0


@frozen(kw_only=True)
class Surroundings:
    """What `main` alone may read: everything else gets it from here."""

    environment: Mapping[str, str]
    clocks: Clocks
    programs: Path
    """The folder with evenrack-regiond and evenrack-rackd: beside this interpreter."""
    terminal: bool
    """Whether standard output is a terminal."""
    new_key: Callable[[], str] = new_change_key
    """Makes a name for a request that may be repeated."""
    run_folder: Path = RUN_FOLDER
    """Where the administration sockets of this machine are."""


@frozen(kw_only=True)
class Session:
    """One run of the command line."""

    surroundings: Surroundings
    targets: tuple[Target, ...] = field(default=())
    """What --region and --socket name; without them the sockets of this machine."""
    credentials: CredentialSources = field(default=CredentialSources())

    @property
    def clocks(self) -> Clocks:
        return self.surroundings.clocks

    def client(self, *, seconds: float = ANSWER_SECONDS) -> Client:
        """Make a client of the regions that are meant; each has so long to answer."""
        targets = self.targets or self._sockets_here()
        # a socket needs none, so a wrong file is no hindrance there
        on_network = any(isinstance(target, UrlTarget) for target in targets)
        credentials = self.credentials.load() if on_network else NO_CREDENTIALS
        return Client(
            targets,
            timeout=seconds,
            credentials=credentials,
            repeats=Repeats(new_key=self.surroundings.new_key, pause=self.clocks.sleep),
        )

    def draw(self, page: Iterable[Block]) -> None:
        """Show a page: with rich on a terminal, as plain text elsewhere."""
        blocks = list(page)
        if self.surroundings.terminal:
            # imported late: rich costs more time than a whole request
            from evenrack.cli.draw import draw_page

            draw_page(blocks, colour=not self.surroundings.environment.get("NO_COLOR"))
        else:
            click.echo(page_text(blocks))

    def show(self, data: Any, page: Iterable[Block], *, as_json: bool) -> None:
        """Show what was found as JSON or as a page."""
        if as_json:
            echo_json(data)
        else:
            self.draw(page)

    def _sockets_here(self) -> list[Target]:
        sockets = sorted(self.surroundings.run_folder.glob("regiond-*.sock"))
        return [SocketTarget(path=path) for path in sockets]


def echo_json(data: Any) -> None:
    """Print one JSON document, readable by people too."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def echo_json_line(data: Any) -> None:
    """Print one JSON object on one line, for streams."""
    click.echo(json.dumps(data, ensure_ascii=False))


def say(text: str) -> None:
    """Tell the operator something that is not data; whose terminal is closed hears nothing.

    What is being cleaned up then is cleaned up all the same.
    """
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
