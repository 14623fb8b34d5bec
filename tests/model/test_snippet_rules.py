"""What a snippet must fulfil: it says nothing about anything outside of its block."""

from typing import get_args

import pytest
from hypothesis import given

from evenrack.model.snippet import SnippetLevel
from evenrack.model.snippet_rules import (
    MOST_LINE_BYTES,
    MOST_TEXT_BYTES,
    NEVER,
    ONLY_GLOBAL,
    problem_in,
)
from tests.strategies_snippets import LEVELS, STATEMENTS, good_texts, levels, texts

GOOD = (
    *STATEMENTS,
    'class "x" { match if substring(option vendor-class-identifier, 0, 3) = "PXE"; }',
    "option space acme;\noption acme.code code 1 = text;",
    'on commit { set name = "}"; }',
    'option domain-name "a"; # the last line is a comment { "',
    "\toption pool-name-of-mine 1;",
    'option domain-name "include range }";',
    'if exists user-class or option user-class = "x" { filename "a"; }',
    "option acme.host 1; option range 5;",
)


def test_every_level_is_tried_here():
    assert get_args(SnippetLevel) == LEVELS


@pytest.mark.parametrize("text", GOOD, ids=range(len(GOOD)))
def test_what_keeps_to_its_block_is_taken(text):
    assert problem_in(text, "global") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has no statement; write one, or delete the snippet"),
        (" \n# only words\n", "it has no statement; write one, or delete the snippet"),
        (
            "deny booting;\n}",
            "line 2: this } would close what the snippet stands in; remove it, or add the { "
            "before it",
        ),
        (
            '} subnet 10.0.0.0 netmask 255.0.0.0 { option domain-name "x";',
            "line 1: this } would close what the snippet stands in; remove it, or add the { "
            "before it",
        ),
        ("if 1 = 1 {\n if 2 = 2 {\n}", "line 1: the { is not closed; add a }"),
        ("deny booting", "line 1: the last statement has no end; add a ;"),
        ('deny booting;\noption domain-name "a', "line 2: a literal has no end in this line; add a "
         '", or split it with `concat`'),
        ('option domain-name "a\nb";', "line 1: a literal has no end in this line; add a \", or "
         "split it with `concat`"),
        ('option domain-name "a\\";', "line 1: a literal has no end in this line; add a \", or "
         "split it with `concat`"),
        ("\nelse { deny booting; }", "line 2: else has no `if` before it; begin with the `if`"),
        ("ELSIF 1 = 1 { }", "line 1: ELSIF has no `if` before it; begin with the `if`"),
        ("deny x;\r\n", "line 1: it has a carriage return; save the text with Unix line ends"),
        (
            'deny booting;\noption domain-name "ü";',
            "line 2: the character U+00FC is not printable ASCII; remove it, or write its bytes in "
            "a literal as three octal digits each, as in \\303\\274",
        ),
        (
            "a" * (MOST_LINE_BYTES + 1),
            "line 1: it has more than 1,000 characters; break it where there is a space",
        ),
        (
            ("a" * 900 + "\n") * 10,
            "it has more than 4,000 characters; make several of it",
        ),
        (
            "deny booting; RaNGe 10.0.0.5;",
            "line 1: `RaNGe` cannot stand in a snippet; make a VLAN, subnet, range or reservation "
            "instead",
        ),
        (
            'include "/etc/passwd";',
            "line 1: `include` cannot stand in a snippet; write the file's text here, where it is "
            "checked and the same on every rack",
        ),
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_a_cure(text, problem):
    assert problem_in(text, "global") == problem


def test_the_longest_text_is_taken():
    line = "#" * (MOST_LINE_BYTES - 1) + "\n"
    text = "deny booting;\n" + line * (MOST_TEXT_BYTES // MOST_LINE_BYTES)
    assert problem_in(text[:MOST_TEXT_BYTES], "vlan") is None


@pytest.mark.parametrize("word", sorted(NEVER))
def test_what_the_inventory_is_to_know_is_in_no_snippet(word):
    for level in LEVELS:
        assert f"`{word}` cannot stand in a snippet" in (problem_in(f"{word} 1;", level) or "")
        assert problem_in(f'option x "{word}"; # {word}\noption {word}-x 1;', level) is None


@pytest.mark.parametrize("word", sorted(ONLY_GLOBAL))
def test_what_dhcpd_takes_for_all_vlans_is_in_global_snippets_only(word):
    for level in LEVELS:
        problem = problem_in(f'{word} "x" {{ }}', level)
        told = (
            None
            if level == "global"
            else (
                f"line 1: `{word}` cannot stand here; write it in a global snippet, since dhcpd "
                "takes it for all VLANs"
            )
        )
        assert problem == told


@given(good_texts, levels)
def test_statements_one_after_the_other_are_taken_at_every_level(text, level):
    assert problem_in(text, level) is None


@given(texts, texts, levels)
def test_two_that_are_taken_can_stand_one_after_the_other(one, other, level):
    if problem_in(one, level) is None and problem_in(other, level) is None:
        both = problem_in(f"{one.rstrip()}\n{other}", level)
        assert both is None or "make several" in both


@given(texts, levels)
def test_what_is_wrong_is_always_one_sentence_with_a_cure(text, level):
    problem = problem_in(text, level)
    assert problem is None or (problem.isascii() and "\n" not in problem and ";" in problem)
