"""The prompt of `evenrack lab demo`: the fleet is broken and mended by hand, word by word."""

import contextlib
import importlib
from pathlib import Path

import click

from evenrack.cli.lab_deeds import do_and_watch
from evenrack.cli.session import Session, say
from evenrack.cli.show import status_page
from evenrack.errors import EvenrackError
from evenrack.lab.aftermath import Aftermath
from evenrack.lab.deeds import Deed, running_lab
from evenrack.lab.fleet_status import fleet_client
from evenrack.lab.lab_programs import LabPrograms
from evenrack.lab.record import read_record
from evenrack.lab.targets import WORDS

DEEDS: tuple[Deed, ...] = ("kill", "hang", "cut", "heal", "restart")
MENDING: tuple[Deed, ...] = ("heal", "restart")
"""Without a target they mend all there is to mend."""
COMMANDS = (*DEEDS, "status", "help", "quit")
HELP = """\
  kill leader              then watch who takes over, how fast, and why
  kill primary of vlan2    its clients are answered by the secondary
  kill owner of m7         the next order for m7 goes to another rack
  hang rack3               its sockets stay open and nothing answers
  cut rack3:vlan2          one cable; `cut rack3` all of a host
  kill postgres            nobody is declared dead
  restart [..] heal [..]   start what was killed, mend what was hung or cut
  status                   problems first, then who does what
  help                     this again
  quit                     or Ctrl-D: everything goes"""
NEED_NETWORK = ("cut ", "kill primary of vlan", "kill owner of ")
"""A lab with `--no-net` has neither cables nor VLANs nor BMCs."""


def help_in(folder: Path) -> str:
    """Give what can be said to the lab in this folder."""
    record = read_record(folder)
    if record is None or record.network:
        return HELP
    lines = HELP.splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith(NEED_NETWORK))


class Prompt:
    """Reads what the operator types, and does it to the lab in this folder."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._deed: Aftermath | None = None

    def obey_until_the_end(self) -> None:
        """Do what the operator says until there is nothing more to say."""
        with contextlib.suppress(ImportError):
            importlib.import_module("readline")  # `input` then knows arrow keys, and what was typed
        click.echo(help_in(self._folder))
        while True:
            try:
                words = input("lab> ").split()
            except EOFError:
                click.echo()
                return
            except UnicodeDecodeError:
                say("these bytes are no text")
                continue
            if words and words[0] in {"quit", "exit"}:
                return
            try:
                self._tell_what_came_meanwhile()
                self._obey(words)
            except (EvenrackError, OSError) as problem:
                say(f"{type(problem).__name__}: {problem}")

    def _tell_what_came_meanwhile(self) -> None:
        """Tell what followed from the last deed after its watching had ended."""
        lines = [] if self._deed is None else list(self._deed.news())
        if lines:
            click.echo("meanwhile, since the last deed:")
            click.echo("\n".join(lines))

    def _obey(self, words: list[str]) -> None:
        if not words:
            return
        first, target = words[0], " ".join(words[1:]).strip("\"'")
        deed = next((deed for deed in DEEDS if deed == first), None)
        if deed is not None and not target and deed not in MENDING:
            say(f"{deed} what? targets are {WORDS}")
        elif deed is not None:
            followed = do_and_watch(self._session, deed, target or None, self._folder, prompt=True)
            self._deed = followed or self._deed
        elif first == "status":
            self._show_status()
        elif first == "help":
            click.echo(help_in(self._folder))
        else:
            say(f"{first} is no command here; there are {', '.join(COMMANDS)}")

    def _show_status(self) -> None:
        _, fleet = running_lab(self._folder)
        programs = LabPrograms(fleet, self._session.surroundings.programs)
        client = fleet_client(fleet, last=programs.not_serving())
        self._session.draw(status_page(client.get("/api/v1/status")))
