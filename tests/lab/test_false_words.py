"""M8: what the drill says of a rack that speaks for others, and that it really speaks for them."""

import re
from itertools import islice

import pytest
from attrs import evolve
from twisted.protocols import amp

from evenrack.lab.drill.trust.false_words import Others, what_was_believed
from evenrack.lab.drill.trust.impostors import SPOKEN_VERSION
from evenrack.lab.intruder.false_words import FALSE_WORD, false_words
from evenrack.lab.intruder.strangers import box
from evenrack.wire.region_commands import RecordPhase, ReportDhcp, ReportLostLink
from evenrack.wire.version import PROTOCOL

TOLD = {"sent": 252, "answered": 252, "recorded": 0}
BEFORE = Others(links=frozenset({"a", "b"}), stopped=frozenset(), reported=frozenset(), orders=())
AFTER = evolve(BEFORE, reported=frozenset({"rack1"}))


@pytest.mark.parametrize(
    ("told", "after", "said"),
    [
        ({}, {}, None),
        ({"answered": 3}, {}, "3 commands .* this shows nothing"),
        ({}, {"reported": frozenset()}, "not even what rack1 says .* this shows nothing"),
        ({}, {"links": frozenset({"b"})}, "1 links of other racks count no more"),
        ({}, {"links": frozenset({"a", "b", "new"})}, None),
        ({}, {"stopped": frozenset({"rack2"})}, "rack2 counts as stopped"),
        ({}, {"reported": frozenset({"rack1", "rack2"})}, "rack2 has a report that rack1 made"),
        ({"recorded": 2}, {}, "2 phases of others' orders were recorded"),
    ],
)
def test_what_is_believed_of_an_impostor_is_said_and_what_shows_nothing_is_no_success(
    told, after, said
):
    found = what_was_believed("rack1", {**TOLD, **told}, BEFORE, evolve(AFTER, **after))
    assert found == said if said is None else re.search(said, found)


def test_without_a_link_of_another_rack_nothing_is_shown():
    alone = evolve(BEFORE, links=frozenset())
    assert "this shows nothing" in what_was_believed("rack1", TOLD, alone, AFTER)


def test_it_speaks_of_every_link_and_every_order_in_the_words_of_the_conversation():
    about = {"links": ["a", "b"], "orders": [[7, 2, "NEW", "ON_SEEN"]]}
    commands = {name.commandName: name for name in (ReportLostLink, RecordPhase, ReportDhcp)}
    said = []
    for words in islice(false_words(about), 4):
        (parsed,) = amp.parseString(box(words, 1))
        command = commands[parsed.pop(b"_command")]
        said.append((command, command.parseArguments(parsed, None)))
    assert said[:3] == [
        (ReportLostLink, {"link": "a"}),
        (ReportLostLink, {"link": "b"}),
        (RecordPhase, {"order": 7, "attempt": 2, "before": "NEW", "after": "ON_SEEN"}),
    ]
    assert said[3][1]["report"].failed == FALSE_WORD


def test_the_drill_knows_which_version_the_daemons_speak():
    assert SPOKEN_VERSION == PROTOCOL
