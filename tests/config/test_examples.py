"""The files in etc/: they load, show every setting, and show the true defaults."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from evenrack.config.rack_config import RackConfig, load_rack_config
from evenrack.config.reading import setting_paths
from evenrack.config.region_config import RegionConfig, load_region_config

EXAMPLES = Path(__file__).parents[2] / "etc"
COMMENTED_SETTING = re.compile(r"^#(?=\S|  +\S)", re.MULTILINE)
FILES = [
    pytest.param("regiond.conf", RegionConfig, load_region_config, "region1", id="regiond.conf"),
    pytest.param("rackd.conf", RackConfig, load_rack_config, "rack1", id="rackd.conf"),
]


def uncommented(name):
    """The example with each setting that is commented out put in."""
    return COMMENTED_SETTING.sub("", (EXAMPLES / name).read_text())


def paths_in(values, before=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from paths_in(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.iterdir()} == {each.values[0] for each in FILES}


@pytest.mark.parametrize(("name", "settings", "load", "hostname"), FILES)
def test_the_example_loads_and_what_it_comments_out_are_the_defaults(
    tmp_path, name, settings, load, hostname
):
    whole = tmp_path / name
    whole.write_text(uncommented(name))
    as_installed = load(EXAMPLES / name, hostname=lambda: hostname)
    assert isinstance(as_installed, settings)
    assert load(whole, hostname=lambda: "another") == as_installed


@pytest.mark.parametrize(("name", "settings", "load", "hostname"), FILES)
def test_every_setting_is_in_the_example(name, settings, load, hostname):
    assert list(paths_in(yaml.safe_load(uncommented(name)))) == list(setting_paths(settings))


@pytest.mark.parametrize(("name", "settings", "load", "hostname"), FILES)
def test_every_setting_has_its_explanation_above_it(name, settings, load, hostname):
    lines = (EXAMPLES / name).read_text().splitlines()
    for before, line in pairwise(lines):
        if re.match(r"#?\s*[a-z_]+:( |$)", line) and not line.startswith("# "):
            assert before.startswith("# "), line


@pytest.mark.parametrize(("name", "settings", "load", "hostname"), FILES)
def test_the_example_is_not_wider_than_a_terminal(name, settings, load, hostname):
    assert max(map(len, (EXAMPLES / name).read_text().splitlines())) <= 100
