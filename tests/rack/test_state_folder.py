"""What a rack remembers survives restarts; what was damaged counts as not there."""

import itertools
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenrack.errors import ConfigurationRefused
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId, rack_id_from_text
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.state_folder import ID_CHARACTERS, StateFolder
from tests.strategies import rack_plans, region_endpoints

PLAN = RackPlan(
    rack=RackId("rack0001"), number=FleetNumber(1, 2), managed_by=ProcessId("region1/1")
)
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def random_bytes(length):
    return bytes(range(length))


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path)


def test_an_identity_is_made_at_the_first_start_and_kept(tmp_path):
    folder = StateFolder(tmp_path / "deep" / "state")
    first = folder.rack_id(random_bytes)
    assert rack_id_from_text(first) == first
    assert StateFolder(tmp_path / "deep" / "state").rack_id(os.urandom) == first


def test_two_racks_get_two_identities(tmp_path):
    numbers = itertools.count()
    made = {
        StateFolder(tmp_path / str(n)).rack_id(lambda k: next(numbers).to_bytes(k, "big"))
        for n in range(32)
    }
    assert len(made) == 32


def test_the_characters_of_an_identity_are_equally_likely_and_not_mistaken_for_each_other():
    assert len(ID_CHARACTERS) == len(set(ID_CHARACTERS)) == 32
    assert set("ilou") & set(ID_CHARACTERS) == set()
    drawn = Counter(ID_CHARACTERS[byte % 32] for byte in range(256))
    assert set(drawn.values()) == {8}


def test_nobody_else_can_look_into_the_folder_that_is_made(tmp_path):
    StateFolder(tmp_path / "state").rack_id(random_bytes)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert (tmp_path / "state" / "rack_id").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"RACK", b"rack0001 rack0002", b"\xff\xfe", b"\0" * 8])
def test_a_damaged_identity_is_told_clearly_and_never_replaced_silently(tmp_path, content):
    # With a new identity the rack would be a stranger and its old self a lost rack.
    (tmp_path / "rack_id").write_bytes(content)
    with pytest.raises(ConfigurationRefused, match="rack_id: 1 problem"):
        StateFolder(tmp_path).rack_id(random_bytes)
    assert (tmp_path / "rack_id").read_bytes() == content


@one_folder
@given(rack_plans)
def test_the_plan_is_read_back_as_it_was_kept(folder, plan):
    folder.keep_plan(plan)
    assert folder.plan() == plan


@one_folder
@given(region_endpoints)
def test_the_regions_are_read_back_as_they_were_kept(folder, known):
    folder.keep_regions(known)
    assert folder.regions() == known


def test_before_anything_was_kept_nothing_is_there(folder):
    assert folder.plan() is None
    assert folder.regions() == {}


@one_folder
@given(st.binary() | st.sampled_from([b"{}", b"[]", b'{"rack": 1}', b"[" * 20_000]))
def test_a_file_of_any_bytes_counts_as_not_there(tmp_path, folder, content):
    (tmp_path / "plan.json").write_bytes(content)
    (tmp_path / "regions.json").write_bytes(content)
    assert folder.plan() is None
    assert folder.regions() == {}


@pytest.mark.parametrize("length", range(0, 80, 7))
def test_a_file_that_was_cut_short_counts_as_not_there(tmp_path, folder, length):
    folder.keep_plan(PLAN)
    path = tmp_path / "plan.json"
    path.write_bytes(path.read_bytes()[:length])
    assert folder.plan() in (None, PLAN)
    folder.keep_plan(PLAN)
    assert folder.plan() == PLAN


def test_a_folder_in_the_place_of_a_file_counts_as_not_there(tmp_path, folder):
    (tmp_path / "plan.json").mkdir()
    assert folder.plan() is None
