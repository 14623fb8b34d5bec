"""The import rules name every module they are about, as soon as it exists.

import-linter itself holds the rules (`make check`), refuses names that do not exist, and (with
`exhaustive`) modules that are in no layer. What it cannot see is a module that a rule should name
by now.
"""

import configparser
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
CONFIGURATION = PROJECT / ".importlinter"
CONTRACTS = {
    "layers",
    "lab",
    "quick-start",
    "pure",
    "sql",
    "racks-do-not-decide",
    "region-inside",
    "region-links",
    "region-leading",
    "region-errands",
    "region-troubles",
    "rack-inside",
}
DESIGNED_TO_BE_PURE = {
    "errors",
    "problems",
    "model",
    "balance",
    "runtime.backoff",
    "rack.region_choice",
    "rack.newest_plan",
    "rack.dhcp.failover",
    "rack.dhcp.dhcpd_conf",
    "rack.power.ipmi_command",
    "cli.show",
}


@pytest.fixture(scope="module")
def rules():
    parser = configparser.ConfigParser()
    parser.read(CONFIGURATION)
    return {
        name.removeprefix("importlinter:contract:"): dict(parser[name])
        for name in parser.sections()
        if name.startswith("importlinter:contract:")
    }


def exists(module):
    path = PROJECT / "src" / Path(*module.split("."))
    return path.with_suffix(".py").is_file() or any(path.glob("*.py"))


def later():
    return re.findall(r"# later: (\S+)", CONFIGURATION.read_text())


def names(text):
    return [word for word in re.split(r"[\s|]+", text) if word]


def test_no_rule_was_dropped(rules):
    assert rules.keys() == CONTRACTS


def test_a_module_that_was_to_come_is_named_once_it_has_come():
    assert [module for module in later() if exists(module)] == []


def test_every_rule_about_modules_names_some_that_exist(rules):
    for contract in rules.values():
        named = names(contract.get("source_modules", ""))
        plain = [module for module in named if "*" not in module]
        assert [module for module in plain if not exists(module)] == []
        assert named or contract["type"] == "layers"


def test_all_that_is_pure_by_design_is_named_or_to_come(rules):
    named = {*names(rules["pure"]["source_modules"]), *later()}
    assert {f"evenrack.{module}" for module in DESIGNED_TO_BE_PURE} - named == set()


def test_every_top_package_is_in_a_layer(rules):
    # `exhaustive` says so too; this one also fails when that line is gone.
    in_layers = set(names(rules["layers"]["layers"]))
    folder = PROJECT / "src" / "evenrack"
    packages = {path.parent.name for path in folder.glob("*/*.py")}
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert packages | files == in_layers
