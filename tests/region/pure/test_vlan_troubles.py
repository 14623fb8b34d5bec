"""Which problems a reading of the fleet shows of each VLAN."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_report import DhcpReport, Ipv6Side, SideState, VlanError
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.trouble import Trouble
from evenrack.region.troubles.vlan_troubles import SERVING, of_vlan, report_of, serving_racks
from tests.dhcp_fleet import dhcp_fleet, in_domains, rack_id, serving, with_relays

PAIR = {1: (1, 2)}
ALONE = {1: (1,)}
VLAN = VlanId(1)


def troubles(fleet):
    return of_vlan(fleet, fleet.vlans[VLAN])


def trouble(code, affects):
    return [Trouble(code=code, object="vlan:vlan1", affects=affects)]


def pair(*, away=(), services=PAIR, off=()):
    return dhcp_fleet({1: (1, 2)}, pairs=PAIR, services=services, away=away, off=off)


def with_errors(fleet, **errors):
    """The fleet with racks ({"rack1": (VLAN, text)}) that say so beside what they serve."""
    reports = dict(fleet.dhcp_reports)
    for name, (vlan, text) in errors.items():
        rack = rack_id(int(name.removeprefix("rack")))
        error = VlanError(vlan=VlanId(vlan), error=text)
        reports[rack] = evolve(reports.get(rack, DhcpReport()), errors=(error,))
    return evolve(fleet, dhcp_reports=reports)


def test_a_pair_that_is_normal_has_no_problem():
    fleet = serving(pair(), 1, 2)
    assert troubles(fleet) == []
    assert serving_racks(fleet, fleet.vlans[VLAN]) == [rack_id(1), rack_id(2)]


def test_m11_a_rack_whose_dhcpv6_server_does_not_serve_is_named():
    fleet = serving(pair(), 1, 2)
    report = fleet.dhcp_reports[rack_id(2)]
    side = evolve(report.vlans[0], ipv6=Ipv6Side(half="upper", error="eth1 has no address"))
    reports = {**fleet.dhcp_reports, rack_id(2): evolve(report, vlans=(side,))}
    assert troubles(evolve(fleet, dhcp_reports=reports)) == trouble(
        "VlanNotApplied",
        "vlan1 on rack2: IPv6 is not served as it is to be: eth1 has no address",
    )


def test_a_vlan_without_dhcp_has_no_problem_whatever_its_racks_say():
    assert troubles(with_errors(pair(off=(1,)), rack1=(1, "bad"))) == []
    assert troubles(pair(services={}, off=(1,))) == []


def test_a_vlan_that_nobody_can_serve_is_unserved():
    assert troubles(pair(services={})) == trouble(
        "VlanUnserved", "vlan1: no connected rack has an address in its subnets"
    )
    assert serving_racks(pair(services={}), pair().vlans[VLAN]) == []


def test_a_vlan_whose_servers_do_not_answer_is_unserved():
    unserved = trouble("VlanUnserved", "vlan1: no server answers (rack1, rack2)")
    assert troubles(pair()) == unserved
    assert troubles(serving(pair(), 1, 2, state="startup")) == unserved
    assert troubles(serving(pair(away=(1, 2)), 1, 2)) == unserved


def test_a_vlan_with_one_server_is_not_redundant():
    only = "vlan1: served by {} only"
    assert troubles(serving(pair(services=ALONE), 1)) == trouble(
        "VlanNotRedundant", only.format("rack1")
    )
    assert troubles(serving(pair(), 1)) == trouble("VlanNotRedundant", only.format("rack1"))
    lost = serving(pair(away=(1,)), 1, 2)
    assert troubles(lost) == trouble("VlanNotRedundant", only.format("rack2"))


def in_one_room(racks, *, designated=(1, 2), away=()):
    fleet = dhcp_fleet({1: racks}, pairs={1: designated}, services=PAIR, away=away)
    return serving(in_domains(fleet, rack1="room 1", rack2="room 1", rack3="room 1"), 1, 2)


def test_a_pair_in_one_failure_domain_is_told_with_who_could_help():
    both = "vlan1: rack1 and rack2 are both in room 1; "
    nobody = "no other connected rack of the VLAN is in another failure domain"
    assert troubles(in_one_room([1, 2, 3])) == trouble("PairInOneDomain", both + nobody)
    away = in_one_room([1, 2, 4], away=(4,))
    assert troubles(away) == trouble("PairInOneDomain", both + nobody)
    cure = "rack4 is not: evenrack vlan set vlan1 --secondary-rack rack4"
    assert troubles(in_one_room([1, 2, 4])) == trouble("PairInOneDomain", both + cure)
    coming = in_one_room([1, 2, 4], designated=(1, 4))
    follows = "another is designated already, and takes its place"
    assert troubles(coming) == trouble("PairInOneDomain", both + follows)


def test_a_pair_in_two_failure_domains_or_in_none_has_no_problem():
    assert troubles(in_domains(serving(pair(), 1, 2), rack1="room 1", rack2="room 2")) == []
    assert troubles(in_domains(serving(pair(), 1, 2), rack1="room 1")) == []


def test_a_pair_that_serves_in_another_state_is_not_normal():
    fleet = serving(pair(), 1, 2)
    interrupted = serving(fleet, 2, state="communications-interrupted")
    assert troubles(interrupted) == trouble(
        "PairNotNormal", "vlan1: rack2 is in communications-interrupted"
    )
    both = serving(fleet, 1, 2, state="partner-down")
    assert troubles(both) == trouble(
        "PairNotNormal", "vlan1: rack1 is in partner-down, rack2 is in partner-down"
    )


@pytest.mark.parametrize("state", SideState.__args__)
def test_a_server_counts_as_serving_in_the_states_in_which_it_answers_clients(state):
    fleet = serving(serving(pair(), 1), 2, state=state)
    found = [each.code for each in troubles(fleet)]
    if state == "normal":
        assert found == []
    else:
        assert found == ["PairNotNormal" if state in SERVING else "VlanNotRedundant"]


def test_a_refused_configuration_is_told_once_with_its_rack_and_reason():
    fleet = with_errors(serving(pair(), 1, 2), rack1=(1, "overlap"), rack2=(1, "overlap"))
    assert troubles(fleet) == trouble("VlanNotApplied", "vlan1 on rack1: overlap")


@pytest.mark.parametrize(
    ("failed", "why"),
    [("", "waits for its turn to be applied"), ("no such port", "did not start: no such port")],
)
def test_a_newer_configuration_that_is_not_served_yet_is_told_with_the_reason(failed, why):
    fleet = serving(pair(), 1, 2)
    fleet = evolve(fleet, services={VLAN: evolve(fleet.services[VLAN], number=FleetNumber(1, 9))})
    reports = {rack: evolve(told, failed=failed) for rack, told in fleet.dhcp_reports.items()}
    fleet = evolve(fleet, dhcp_reports=reports)
    affects = f"vlan1 on rack1: the newest configuration {why}"
    assert troubles(fleet) == trouble("VlanNotApplied", affects)


def test_a_refused_configuration_of_another_vlan_is_not_told_of_this_one():
    assert troubles(with_errors(serving(pair(), 1, 2), rack1=(2, "overlap"))) == []


def test_what_a_lost_rack_or_one_that_left_the_vlan_once_said_is_no_problem_any_more():
    lost = with_errors(serving(pair(away=(1,)), 1, 2), rack1=(1, "overlap"))
    assert [each.code for each in troubles(lost)] == ["VlanNotRedundant"]
    left = with_errors(serving(pair(services=ALONE), 1), rack2=(1, "overlap"))
    assert [each.code for each in troubles(left)] == ["VlanNotRedundant"]


def test_a_refused_vlan_that_is_served_by_nobody_shows_both():
    fleet = with_errors(pair(services=ALONE), rack1=(1, "overlap"))
    assert {each.code for each in troubles(fleet)} == {"VlanUnserved", "VlanNotApplied"}


def test_a_rack_that_nobody_knows_any_more_is_named_by_its_id():
    fleet = pair()
    assert "rack0001" in troubles(evolve(fleet, racks={}, links=()))[0].affects


def test_what_a_lost_rack_last_said_does_not_count():
    fleet = serving(pair(away=(1,)), 1, 2)
    assert report_of(fleet, rack_id(1), VLAN) is None
    assert report_of(fleet, rack_id(2), VLAN).state == "normal"
    assert report_of(fleet, rack_id(2), VlanId(9)) is None


@given(
    st.lists(st.sampled_from([1, 2]), unique=True),
    st.lists(st.sampled_from([1, 2]), unique=True),
    st.sampled_from(SideState.__args__),
    st.sampled_from([{}, ALONE, PAIR, {1: (2, 1)}]),
)
def test_every_problem_is_in_the_catalogue_and_at_most_one_is_about_who_serves(
    away, told, state, services
):
    fleet = serving(pair(away=away, services=services), *told, state=state)
    found = troubles(fleet)
    known = set(CATALOGUE)
    assert {each.code for each in found} <= known
    assert len(found) <= 1
    assert all(each.affects.startswith("vlan1: ") for each in found)


def relayed(**more):
    """vlan1 is relayed by vlan2, which racks 1 and 2 serve."""
    fleet = dhcp_fleet({1: (3,), 2: (1, 2)}, pairs={2: (1, 2)}, services={2: (1, 2)})
    return with_relays(fleet, {1: 2}, **more)


def without(fleet, *racks):
    gone = set(map(rack_id, racks))
    return evolve(fleet, links=[link for link in fleet.links if link.rack not in gone])


def test_a_relayed_vlan_is_as_well_as_the_pair_of_the_one_that_relays_it():
    fleet = serving(relayed(), 1, 2)
    assert troubles(fleet) == []
    assert serving_racks(fleet, fleet.vlans[VLAN]) == [rack_id(1), rack_id(2)]
    assert troubles(without(fleet, 1)) == trouble(
        "VlanNotRedundant", "vlan1, relayed by vlan2: served by rack2 only"
    )
    assert troubles(without(fleet, 1, 2)) == trouble(
        "VlanUnserved", "vlan1: no server of vlan2, which relays it, answers"
    )


def test_a_relayed_vlan_that_does_not_stand_in_the_files_is_unserved():
    fleet = serving(relayed(relayed={}), 1, 2)
    assert troubles(with_relays(fleet, {1: 2})) == troubles(fleet)
    assert troubles(fleet) == trouble(
        "VlanUnserved", "vlan1: no server of vlan2, which relays it, answers"
    )


def test_what_waits_for_a_lost_rack_that_may_serve_it_still_names_that_rack():
    alone = serving(dhcp_fleet({1: (3,), 2: (1, 2)}, services=ALONE | {2: (1, 2)}), 1, 2)
    lost = evolve(without(alone, 1), services={}, relayed={})
    why = (
        "vlan1: rack1 is lost and may still serve it; bring it back, or see `evenrack rack delete`"
    )
    assert troubles(with_relays(lost, {1: 2}, relayed={})) == trouble("VlanUnserved", why)
    own_again = evolve(without(serving(relayed(), 1, 2), 1), relayed={})
    assert troubles(with_relays(own_again, {})) == trouble("VlanUnserved", why)


def test_a_vlan_that_is_to_be_relayed_and_is_served_by_its_own_racks_is_judged_by_them():
    fleet = dhcp_fleet({1: (1, 2), 2: (3,)}, services=PAIR)
    fleet = with_relays(serving(fleet, 1), {1: 2}, relayed={})
    assert troubles(fleet) == trouble("VlanNotRedundant", "vlan1: served by rack1 only")
