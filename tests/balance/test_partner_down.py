"""Whether a server may be called dead, and when that word is over (M16, dhcp.md rule 5)."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from evenrack.balance.partner_down import candidate_of, words_that_end
from evenrack.model.identifiers import VlanId
from evenrack.model.partner_down import PartnerDown
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving, with_relays

VLAN = VlanId(1)
ONE, TWO, THREE = (rack_id(n) for n in (1, 2, 3))
AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
APART = "communications-interrupted"


def lost(*, state=APART, away=(1,), services=None):
    """Rack 1 is lost, and rack 2's server says this."""
    services = services or {1: (1, 2)}
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (2, 3)}, services=services, away=away)
    return serving(fleet, 1, 2, state=state)


def with_word(fleet, **more):
    word = PartnerDown(vlan=VLAN, survivor=TWO, dead=ONE, who="anna", at=AT, **more)
    return evolve(fleet, partner_downs={VLAN: word})


def test_m16_the_one_that_does_not_hear_a_lost_rack_may_be_told():
    found = candidate_of(lost(), VLAN, ONE)
    assert (found.survivor, found.hindrances) == (TWO, ())


@pytest.mark.parametrize(
    ("away", "state", "why"),
    [
        ((), APART, "rack1 is connected: it is not dead"),
        ((1, 2), APART, "rack2 is not connected"),
        ((1,), "normal", "still hears the other: only its rack daemon is away"),
        ((1,), "partner-down", "is in partner-down already"),
        ((1,), "startup", "is in startup"),
        ((1,), "recover", "is in recover"),
        ((1,), "down", "is in down"),
        ((1,), "unknown", "is in unknown"),
    ],
)
def test_m16_it_is_refused_wherever_anything_says_that_it_may_live(away, state, why):
    (found,) = candidate_of(lost(away=away, state=state), VLAN, ONE).hindrances
    assert why in found


def test_m16_only_a_partner_in_the_files_can_be_dead():
    fleet = lost()
    for dead in (THREE, rack_id(9)):
        found = candidate_of(fleet, VLAN, dead)
        assert found.survivor is None
        assert "is not in a pair" in found.hindrances[0]
    assert candidate_of(fleet, VlanId(7), ONE).survivor is None
    alone = lost(services={1: (1,)})
    assert candidate_of(alone, VLAN, ONE).survivor is None


def test_m16_a_survivor_that_serves_something_else_is_not_told():
    fleet = evolve(lost(), dhcp_reports={})
    (why,) = candidate_of(fleet, VLAN, ONE).hindrances
    assert "rack2 does not serve it with rack1" in why


def test_m16_who_took_over_for_the_other_is_not_called_dead_itself():
    """Both would be in partner-down, and each give away what is the other's."""
    fleet = evolve(lost(), partner_downs={})
    earlier = PartnerDown(vlan=VLAN, survivor=ONE, dead=TWO, who="anna", at=AT)
    assert candidate_of(evolve(fleet, partner_downs={VLAN: earlier}), VLAN, ONE).hindrances == ()
    taken = evolve(fleet, partner_downs={VLAN: evolve(earlier, taken_at=AT)})
    (why,) = candidate_of(taken, VLAN, ONE).hindrances
    assert "the server of rack1 took over from rack2 before" in why
    assert candidate_of(with_word(fleet, taken_at=AT), VLAN, ONE).hindrances == ()


def test_m16_a_word_stays_until_its_reason_is_gone():
    for taken_at in (None, AT):
        assert words_that_end(with_word(lost(), taken_at=taken_at)) == ()
        assert words_that_end(with_word(lost(state="partner-down"), taken_at=taken_at)) == ()


def test_m16_a_word_that_was_not_taken_is_over_when_the_dead_one_is_back():
    back = lost(away=())
    assert words_that_end(with_word(back)) == (VLAN,)
    assert words_that_end(with_word(back, taken_at=AT)) == (), "its server still serves for both"


def test_m16_a_word_that_was_taken_is_over_when_both_are_normal():
    assert words_that_end(with_word(lost(away=(), state="normal"), taken_at=AT)) == (VLAN,)
    unheard = lost(away=(1, 2), state="normal")
    assert words_that_end(with_word(unheard, taken_at=AT)) == (), "what it said is old"


@pytest.mark.parametrize("services", [{1: (2,)}, {1: (2, 3)}])
def test_m16_a_word_is_over_when_other_racks_are_in_the_files(services):
    assert words_that_end(with_word(lost(services=services), taken_at=AT)) == (VLAN,)


def test_m16_a_word_is_over_when_nobody_serves_the_vlan():
    assert words_that_end(with_word(evolve(lost(), services={}))) == (VLAN,)


def test_m16_of_a_relayed_vlan_the_word_is_given_of_the_one_that_relays_it():
    fleet = dhcp_fleet({1: [3], 2: [1, 2]}, services={2: (1, 2)}, away=[1])
    found = candidate_of(with_relays(serving(fleet, 1, 2, state=APART), {1: 2}), VLAN, ONE)
    assert found.survivor is None
    assert found.hindrances == ("vlan2 relays it: say it of vlan2, for both",)
