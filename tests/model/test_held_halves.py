"""A half that was another rack's is given away only when the leases of that one have ended."""

import pytest
from attrs import evolve

from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.held_halves import (
    MARGIN_SECONDS,
    HeldHalves,
    held_halves_from_json,
    held_halves_to_json,
    met_partners,
)
from tests.rack.dhcp.golden_plans import service, subnet

NOW = 1_800_000_000
LEASE = 600
MET = {1}


def plan(half="upper", *, held=True, **settings):
    return (evolve(service(subnet(1), **settings), half=half, half_held=held),)


def test_it_is_held_for_the_longest_lease_from_when_it_was_first_wanted():
    held = HeldHalves().following(plan(), NOW, met=MET)
    later = held.following(plan(), NOW + LEASE)
    assert later == held
    end = NOW + LEASE + MARGIN_SECONDS
    assert later.waiting(plan(), end - 1) == (1,)
    assert later.waiting(plan(), end) == ()


def test_a_longer_lease_makes_the_wait_longer_and_a_shorter_one_never_makes_it_shorter():
    held = HeldHalves().following(plan(), NOW, met=MET)
    longer = plan(max_lease_seconds=9000)
    grown = held.following(longer, NOW + LEASE)
    end = NOW + 9000 + MARGIN_SECONDS
    for wanted in (longer, plan(), plan(max_lease_seconds=LEASE - 1)):
        assert grown.following(wanted, NOW + LEASE).waiting(wanted, end - 1) == (1,)
        assert grown.following(wanted, NOW + LEASE).waiting(wanted, end) == ()
    short = plan(lease_seconds=120)
    assert held.following(short, NOW).waiting(short, NOW + LEASE) == (1,)


def test_a_half_that_is_given_away_since_stays_so_when_leases_become_longer():
    held = HeldHalves().following(plan(), NOW, met=MET)
    longer = plan(max_lease_seconds=9000)
    end = NOW + LEASE + MARGIN_SECONDS
    assert held.waiting(longer, end) == held.following(longer, end).waiting(longer, end) == ()


def test_a_half_that_nobody_had_before_is_given_away_at_once():
    free = plan(held=False)
    assert HeldHalves().following(free, NOW) == HeldHalves()
    assert HeldHalves().waiting(free, NOW) == ()


def test_another_half_a_vlan_that_came_back_and_a_clock_that_went_back_wait_anew():
    held = HeldHalves().following(plan(), NOW, met=MET)
    later = NOW + 10_000
    assert held.following(plan("lower"), later).waiting(plan("lower"), later) == (1,)
    assert held.following((), later).following(plan(), later).waiting(plan(), later) == (1,)
    (anew,) = held.following(plan(), NOW - 500, met=MET).halves
    assert anew.since == NOW - 500, "of a time to come nothing is known"


def test_it_is_kept_on_the_disk():
    held = HeldHalves().following(plan(), NOW, met=MET)
    assert held_halves_from_json(held_halves_to_json(held)) == held
    with pytest.raises(ValueError, match="is not"):
        held_halves_from_json(
            {"halves": [{"vlan": "x", "half": "upper", "since": 1, "until": 2, "met": True}]}
        )


def test_nothing_of_the_wait_counts_before_the_partner_has_the_pair_too():
    held = HeldHalves().following(plan(), NOW)
    late = NOW + 10_000
    assert held.following(plan(), late) == held
    assert held.waiting(plan(), late) == (1,)
    begun = held.following(plan(), late, met=MET)
    assert begun.following(plan(), late + 1) == begun, "it has met: what it sees later is nothing"
    end = late + LEASE + MARGIN_SECONDS
    assert begun.waiting(plan(), end - 1) == (1,)
    assert begun.waiting(plan(), end) == ()


@pytest.mark.parametrize(
    ("state", "met"),
    [
        *((it, False) for it in ("down", "unknown", "startup", "recover")),
        *((it, False) for it in ("communications-interrupted", "paused", "shutdown")),
        *((it, True) for it in ("normal", "recover-wait", "partner-down", "alone")),
    ],
)
def test_a_pair_has_met_when_its_state_needs_both(state, met):
    (it,) = plan()
    told = VlanReport(vlan=1, number=it.number, role=it.role, peer=None, state=state)
    assert (1 in met_partners((it,), DhcpReport(vlans=(told,)))) == met
    other = evolve(told, number=evolve(it.number, generation=it.number.generation + 1))
    assert 1 not in met_partners((it,), DhcpReport(vlans=(other,))), "of another plan"


def test_where_ipv4_has_no_range_there_is_no_pair_to_wait_for():
    (it,) = plan()
    assert met_partners((evolve(it, vlan=evolve(it.vlan, subnets=())),), DhcpReport()) == {1}
