"""What the documents point to exists."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def id_of(path):
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=id_of)
def test_every_link_to_a_file_leads_somewhere(document):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=id_of)
def test_every_make_target_that_is_named_exists(document):
    # Only where it is written as a command: in backquotes, or at the start of a line of an example.
    named = re.findall(r"(?:`|^\s*)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(named) - TARGETS == set()
