"""The catalogue of problems, and the page of the documentation that is made from it."""

from pathlib import Path

import pytest

from evenrack.problems import CATALOGUE

PAGE = Path(__file__).parents[1] / "docs" / "problems.md"

HEADING = """\
# Problems

What `evenrack problems` and `evenrack status` may say, the worst first. `evenrack problems explain
CODE` prints one of these on the command line. This page is made from `src/evenrack/problems.py`: a
test compares the two, and prints what this page should be when they differ.
"""


def page():
    by_severity = sorted(CATALOGUE.values(), key=lambda problem: problem.severity)
    return HEADING + "".join(
        f"\n## {problem.code}\n\n{problem.meaning}\n\n"
        f"- **Who suffers:** {problem.suffers}\n- **What to do:** {problem.do}\n"
        for problem in by_severity
    )


def test_the_page_of_problems_says_what_the_catalogue_says():
    assert PAGE.is_file(), f"write docs/problems.md:\n{page()}"
    assert PAGE.read_text() == page(), f"docs/problems.md should be:\n{page()}"


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_problem_is_found_by_its_code_and_says_everything(code):
    problem = CATALOGUE[code]
    assert problem.code == code
    assert code.isalnum()
    assert problem.severity >= 0
    for sentence in (problem.meaning, problem.suffers, problem.do):
        assert sentence.strip().endswith(".")
