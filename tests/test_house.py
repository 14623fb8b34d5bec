"""The rules that hold the house: sizes, names, start time, and files that must agree."""

import ast
import re
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from evenrack.runtime.child_process import run_program

PROJECT = Path(__file__).parents[1]
SOURCES = sorted((PROJECT / "src").rglob("*.py"))
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
MOST_LINES = 400
MOST_FUNCTION = 40
DRAWERS = {"utils", "common", "helpers", "manager", "handler", "base", "core"}
SLOW_TO_IMPORT = {"twisted", "sqlalchemy", "alembic", "psycopg2", "rich"}
REQUIREMENTS = PROJECT / "requirements"


def requirement_name(requirement):
    """As package indexes compare names: PyYAML and pyyaml are one."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def locked(name):
    """What requirements/NAME.txt installs: version and hashes for each package."""
    text = (REQUIREMENTS / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {requirement_name(words[0]): words for words in lines}


def test_no_file_is_over_400_lines():
    folders = (PROJECT / name for name in ("src", "tests", "benchmarks"))
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    lines = {path: len(path.read_text().splitlines()) for path in paths}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_function_of_the_source_has_40_lines():
    functions = {
        (path, node.lineno, node.name): node.end_lineno - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {place: lines for place, lines in functions.items() if lines >= MOST_FUNCTION} == {}


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_no_file_or_folder_is_named_like_a_drawer(folder):
    paths = [path for path in (PROJECT / folder).rglob("*") if "__pycache__" not in path.parts]
    words = {path: set(re.split(r"[_.]", path.name.lower())) for path in paths}
    assert {path for path, in_name in words.items() if in_name & DRAWERS} == set()


def test_the_command_line_starts_without_what_is_slow_to_import():
    program = (
        "import sys\n"
        "sys.argv = ['evenrack', '--help']\n"
        "from evenrack.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    printed = run_program([sys.executable, "-c", program], seconds=30).splitlines()
    assert "Usage" in printed[0]
    assert SLOW_TO_IMPORT & set(printed[-1].split()) == set()


@pytest.mark.parametrize("script", PYPROJECT["scripts"])
def test_every_program_can_be_started(script):
    main = EntryPoint(script, PYPROJECT["scripts"][script], "console_scripts").load()
    assert callable(main)


def test_the_licence_is_the_one_that_the_package_names():
    first_lines = (PROJECT / "LICENSE").read_text().split("\n\n")[0].split()
    assert first_lines[:4] == ["Apache", "License", "Version", "2.0,"]
    assert PYPROJECT["license"] == "Apache-2.0"


def test_every_dependency_of_the_package_is_locked():
    wanted = {requirement_name(text) for text in PYPROJECT["dependencies"]}
    assert wanted - locked("run").keys() == set()
    wanted |= {requirement_name(text) for text in PYPROJECT["optional-dependencies"]["lab"]}
    assert wanted - locked("lab").keys() == set()
    tools = (REQUIREMENTS / "dev.in").read_text().splitlines()
    wanted |= {requirement_name(text) for text in tools if not text.startswith("#")}
    assert wanted - locked("dev").keys() == set()


def test_what_is_tested_is_what_is_run():
    run, lab, dev = locked("run"), locked("lab"), locked("dev")
    assert {name: dev.get(name) for name in run} == run
    assert {name: dev.get(name) for name in lab} == lab


@pytest.mark.parametrize("name", ["run", "lab", "dev"])
def test_every_locked_package_has_hashes_and_no_address(name):
    for package, words in locked(name).items():
        assert any(word.startswith("--hash=sha256:") for word in words), package
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
