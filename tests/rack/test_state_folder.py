"""What a rack remembers survives restarts; what was damaged counts as not there."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenrack.errors import ConfigurationRefused
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId
from evenrack.model.rack_plan import RackPlan
from evenrack.rack.state_folder import StateFolder
from tests.strategies import rack_plans, region_endpoints
from tests.trusted import RACK, authority, rack_identity

PLAN = RackPlan(rack=RACK, number=FleetNumber(1, 2), managed_by=ProcessId("region1/1"))
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path)


def test_an_identity_is_kept_as_the_region_gave_it(tmp_path):
    folder = StateFolder(tmp_path / "deep" / "state")
    folder.keep_rack_id(RACK)
    assert StateFolder(tmp_path / "deep" / "state").rack_id() == RACK
    folder.keep_rack_id(RackId("rack0002"))
    assert folder.rack_id() == "rack0002"


def test_a_rack_without_an_identity_is_told_how_it_gets_one_and_makes_none(tmp_path):
    folder = StateFolder(tmp_path / "state")
    with pytest.raises(ConfigurationRefused, match="not enrolled") as refusal:
        folder.rack_id()
    assert "evenrack enrolment create" in str(refusal.value)
    assert "evenrack-rackd register" in str(refusal.value)
    assert not (tmp_path / "state").exists()


def test_its_certificate_and_whom_it_trusts_are_kept_beside_it(tmp_path):
    identity = rack_identity()
    folder = StateFolder(tmp_path / "state")
    assert not folder.trust.are_there
    folder.trust.keep_authorities([authority().certificate])
    folder.trust.keep_identity(identity)
    assert folder.trust.are_there
    assert StateFolder(tmp_path / "state").trust.identity().pem == identity.pem
    for name in ("identity.pem", "authorities.pem"):
        assert (tmp_path / "state" / name).stat().st_mode & 0o077 == 0


def test_nobody_else_can_look_into_the_folder_that_is_made(tmp_path):
    StateFolder(tmp_path / "state").keep_rack_id(RACK)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert (tmp_path / "state" / "rack_id").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"RACK", b"rack0001 rack0002", b"\xff\xfe", b"\0" * 8])
def test_a_damaged_identity_is_told_with_what_to_do_and_left_alone(tmp_path, content):
    # With a new identity the rack would be a stranger and its old self a lost rack.
    (tmp_path / "rack_id").write_bytes(content)
    with pytest.raises(ConfigurationRefused, match="rack_id: 1 problem") as refusal:
        StateFolder(tmp_path).rack_id()
    assert "enrol this rack anew" in str(refusal.value)
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
