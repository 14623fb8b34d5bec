"""docs/conversation.md tells of every command, argument, answer and error, and of nothing else."""

import re
from pathlib import Path

import pytest

from evenrack.rack.lease import LEASE_SECONDS
from evenrack.rack.region_connections import GREETING_SECONDS as RACK_WAITS
from evenrack.region.links.rack_session import GREETING_SECONDS as REGION_WAITS
from evenrack.wire.version import OLDEST_RACK_PROTOCOL, PROTOCOL
from tests.wire.test_commands import COMMANDS, RACK_ASKS, by_name

PAGE = (Path(__file__).parents[2] / "docs" / "conversation.md").read_text()
ASKS = {
    heading: re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    for heading, text in re.findall(
        r"^## (What a \w+ asks)$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE
    )
}
SECTIONS = {s.splitlines()[0]: s for sections in ASKS.values() for s in sections}


def line(section, title):
    """The item `- Title: ...` of a section, with the lines that it goes on over."""
    (text,) = re.findall(rf"^- {title}: (.*?)(?=^- |\Z)", section, re.DOTALL | re.MULTILINE)
    return " ".join(text.split())


def names(declared):
    return {name.decode() for name, _ in declared}


def test_the_page_has_a_section_for_every_command_and_no_other():
    assert SECTIONS.keys() == {command.__name__ for command in COMMANDS}
    told = {s.splitlines()[0] for s in ASKS["What a rack asks"]}
    assert told == {command.__name__ for command in RACK_ASKS}


@by_name
def test_a_section_begins_as_the_commands_own_description_does(command):
    first = SECTIONS[command.__name__].split("\n\n")[1].split("\n")[0]
    who = command.__doc__.split(":")[0]
    assert first.startswith(f"{who}: ")


@by_name
def test_a_section_names_exactly_the_arguments_and_answers(command):
    section = SECTIONS[command.__name__]
    for title, declared in (("Arguments", command.arguments), ("Answer", command.response)):
        text = line(section, title)
        # `name` (form ..) declares one; what is only told of is in the brackets.
        outside = re.sub(r"\([^()]*\)", "()", text)
        told = set(re.findall(r"`(\w+)` ?\(\)", outside))
        assert told == names(declared), title


@by_name
def test_a_section_names_exactly_the_errors(command):
    text = line(SECTIONS[command.__name__], "Errors")
    told = set(re.findall(r"`([A-Z_]+)`", text))
    assert told == {code.decode() for code in command.errors.values()}
    assert told or text == "none."


@by_name
def test_the_picture_shows_every_command(command):
    picture = PAGE.partition("## The life of a link")[2].partition("## Rules")[0]
    assert re.search(rf"── {command.__name__}\b|{command.__name__}\(", picture)


@pytest.mark.parametrize(
    "words",
    [
        f"version of this conversation, now {PROTOCOL})",
        f"{REGION_WAITS:.0f} s to say hello",
        f"greeting that takes over {RACK_WAITS:.0f} s",
        f"may act for {LEASE_SECONDS:.0f} s",
    ],
)
def test_the_numbers_on_the_page_are_the_programs(words):
    assert words in PAGE
    assert OLDEST_RACK_PROTOCOL <= PROTOCOL
