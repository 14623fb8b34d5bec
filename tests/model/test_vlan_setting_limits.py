"""The settings of a VLAN are held to their limits, and to one another."""

import pytest

from evenrack.model.network import VlanSettings
from evenrack.model.network_rules import OPTIONAL_LIMITS, SETTING_LIMITS, problems_of
from tests.model.small_vlans import vlan


@pytest.mark.parametrize(("setting", "limits"), SETTING_LIMITS.items())
def test_settings_are_held_to_their_limits(setting, limits):
    least, most = limits
    for value in (least, most, getattr(VlanSettings(), setting)):
        assert problems_of([vlan(settings=VlanSettings(**{setting: value}))]) == ()
    for value in (least - 1, most + 1):
        (finding,) = problems_of([vlan(settings=VlanSettings(**{setting: value}))])
        assert finding.field_of("vlan", 1) == setting
        assert f"{setting} must be {least} to {most}" in finding.sentence


@pytest.mark.parametrize(("setting", "limits"), OPTIONAL_LIMITS.items())
def test_settings_that_may_be_none_are_held_to_their_limits_too(setting, limits):
    least, most = limits
    wide = {"min_lease_seconds": least, "max_lease_seconds": most}
    for value in (least, most, None):
        usual = value if setting in wide and value else 600
        settings = VlanSettings(**{**wide, "lease_seconds": usual, setting: value})
        assert problems_of([vlan(settings=settings)]) == ()
    for value in (least - 1, most + 1):
        found = problems_of([vlan(settings=VlanSettings(**{setting: value}))])
        assert f"{setting} must be {least} to {most}" in found[0].sentence
        assert found[0].field_of("vlan", 1) == setting


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"min_lease_seconds": 601}, "min_lease_seconds", "601 must not be more than"),
        ({"max_lease_seconds": 599}, "max_lease_seconds", "599 must not be less than"),
        ({"lease_seconds": 60, "max_lease_seconds": 90, "min_lease_seconds": 60}, None, ""),
    ],
)
def test_the_usual_time_of_a_lease_is_between_its_least_and_its_most(settings, field, said):
    found = problems_of([vlan(settings=VlanSettings(**settings))])
    assert [finding.field_of("vlan", 1) for finding in found] == ([field] if field else [])
    assert all(f"{said} lease_seconds 600; change one" in each.sentence for each in found)
