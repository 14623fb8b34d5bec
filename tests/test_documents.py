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


def headings(document):
    """As a link names them: small letters, no marks, and a hyphen for each space."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=id_of)
def test_every_link_to_a_heading_leads_to_one(document):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text())
    missing = [
        f"{file}#{heading}"
        for file, heading in links
        if heading not in headings(document.parent / file if file else document)
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=id_of)
def test_every_make_target_that_is_named_exists(document):
    # Only where it is written as a command: in backquotes, or at the start of a line of an example.
    named = re.findall(r"(?:`|^\s*)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(named) - TARGETS == set()
