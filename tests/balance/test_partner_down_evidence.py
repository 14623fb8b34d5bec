"""When evidence is enough to call a lost DHCP server dead, and when never (dhcp.md rule 5)."""

from datetime import UTC, datetime
from ipaddress import IPv4Interface
from typing import get_args

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.partner_down_evidence import (
    FRESH_SECONDS,
    MOST_WITNESSES,
    complete_evidence,
    evidence_of,
    lost_of,
    probe_changes,
    wanted_probes,
    why_not_now,
    words_without_evidence,
)
from evenrack.model.dhcp_probe import ALIVE, Found, Probe
from evenrack.model.dhcp_report import SideState
from evenrack.model.identifiers import VlanId
from evenrack.model.intents import Breaker, Hold
from evenrack.model.partner_down import PartnerDown
from tests.dhcp_fleet import address_of, dhcp_fleet, rack_id, serving, with_services

VLAN = VlanId(1)
ONE, TWO, THREE, FOUR, FIVE = (rack_id(n) for n in (1, 2, 3, 4, 5))
APART = "communications-interrupted"
AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
MINUTES = 600.0
BREAKER = Breaker(why="half of them", racks=frozenset({ONE}))
HOLD = Hold(reason="", who="anna", since=AT)


def probe(asked, target, found=None, age=5.0):
    at = {"address": address_of(1, int(target[-1])), "vlan": VLAN}
    return Probe(asked=asked, target=target, found=found, age=0.0 if found is None else age, **at)


ALL_SILENT = (
    probe(TWO, ONE, "silent"),
    probe(THREE, TWO, "connected"),
    probe(THREE, ONE, "silent"),
)


def lost(*probes, racks=(1, 2, 3), away=(1,), state=APART):
    """Rack 1 is lost, rack 2's server says this, and rack 3 is on the VLAN, too."""
    fleet = dhcp_fleet({1: racks}, pairs={1: (1, 2)}, services={1: (1, 2)}, away=away)
    fleet = serving(fleet, 1, 2, state=state)
    return evolve(fleet, probes={VLAN: probes} if probes else {})


def asked_in(fleet, *gone):
    return [(p.asked, p.target, str(p.address)) for p in wanted_probes(fleet, gone or (ONE,))]


def missing_in(fleet):
    return "; ".join(evidence_of(fleet, VLAN, ONE).missing)


# Who is asked


def test_the_survivor_is_asked_about_the_lost_one_and_a_third_rack_about_both():
    assert asked_in(lost()) == [
        (TWO, ONE, "10.1.0.1"),
        (THREE, TWO, "10.1.0.2"),
        (THREE, ONE, "10.1.0.1"),
    ]


def test_of_many_racks_some_are_asked_and_none_that_is_lost_itself():
    fleet = lost(racks=(1, 2, 3, 4, 5, 6), away=(1, 3))
    asked = {who for who, _, _ in asked_in(fleet)}
    assert asked == {TWO, FOUR, FIVE}
    assert len(asked) == 1 + MOST_WITNESSES


def test_who_is_behind_a_router_is_not_asked():
    fleet = lost()
    far = {**fleet.interfaces, THREE: (IPv4Interface("10.1.0.130/25"),)}
    assert asked_in(evolve(fleet, interfaces=far)) == [(TWO, ONE, "10.1.0.1")]


@pytest.mark.parametrize(
    "fleet",
    [
        lost(away=()),
        lost(away=(1, 2)),
        lost(state="normal"),
        lost(state="partner-down"),
        with_services(lost(), {1: (2,)}),
        with_services(lost(), {1: (1,)}),
        with_services(lost(), {1: (2, 3)}),
    ],
    ids=["back", "both lost", "heard", "taken", "without it", "alone", "replaced"],
)
def test_nobody_is_asked_where_nobody_could_be_called_dead(fleet):
    assert asked_in(fleet) == []


def test_nobody_is_asked_before_the_hold_down_is_over():
    assert wanted_probes(lost(), ()) == ()
    assert wanted_probes(lost(), (FOUR,)) == ()


def test_the_lost_one_of_a_pair_is_known_where_it_is_one():
    for away, gone in (((), None), ((1,), ONE), ((2,), TWO), ((1, 2), None)):
        fleet = lost(away=away)
        assert lost_of(fleet, fleet.services[VLAN]) == gone
    alone = with_services(lost(), {1: (1,)})
    assert lost_of(alone, alone.services[VLAN]) is None


def test_what_is_asked_begins_once_and_ends_with_its_reason():
    begun, ended = probe_changes(lost(), (ONE,))
    assert (begun, ended) == (wanted_probes(lost(), (ONE,)), ())
    assert probe_changes(lost(*ALL_SILENT), (ONE,)) == ((), ())
    begun, ended = probe_changes(lost(*ALL_SILENT, away=()), ())
    assert begun == ()
    assert ended == tuple(
        sorted((p.question for p in ALL_SILENT), key=lambda p: (p.asked, p.target))
    )


def test_nothing_begins_to_be_asked_while_the_circuit_breaker_holds_and_what_is_goes_on():
    held = evolve(lost(), breaker=BREAKER)
    assert probe_changes(held, (ONE,)) == ((), ())
    released = evolve(held, breaker=evolve(BREAKER, released=True))
    assert probe_changes(released, (ONE,)) == (wanted_probes(lost(), (ONE,)), ())
    asking = evolve(lost(*ALL_SILENT), breaker=BREAKER)
    assert probe_changes(asking, (ONE,)) == ((), ())
    begun, ended = probe_changes(evolve(lost(*ALL_SILENT, away=()), breaker=BREAKER), ())
    assert (begun, len(ended)) == ((), len(ALL_SILENT)), "it is back"


def test_what_is_asked_goes_on_under_a_new_leader_that_has_not_seen_the_rack_lost_for_long():
    assert probe_changes(lost(*ALL_SILENT), ()) == ((), ())
    begun, ended = probe_changes(lost(ALL_SILENT[0]), ())
    assert (len(begun), ended) == (2, ()), "also what the leader before did not come to"


def test_another_address_is_another_question():
    moved = evolve(ALL_SILENT[0], address=address_of(1, 9))
    begun, ended = probe_changes(lost(moved, *ALL_SILENT[1:]), (ONE,))
    assert begun == (ALL_SILENT[0].question,)
    assert ended == (moved.question,)


# What is evidence


def test_silence_that_a_third_rack_confirms_is_complete():
    found = evidence_of(lost(*ALL_SILENT), VLAN, ONE)
    assert (found.dead, found.survivor, found.missing) == (ONE, TWO, ())
    assert [str(item) for item in found.items] == [
        "rack2: failover state: communications-interrupted",
        "rack2: host of rack1 (10.1.0.1): silent",
        "rack3: host of rack2 (10.1.0.2): connected",
        "rack3: host of rack1 (10.1.0.1): silent",
    ]
    assert [item.age for item in found.items] == [0.0, 5.0, 5.0, 5.0]


def test_what_is_not_known_yet_is_said():
    refused = evolve(probe(TWO, ONE, "unknown"), why="it is too old")
    found = evidence_of(lost(probe(THREE, ONE), refused), VLAN, ONE)
    _, three, two = found.items
    assert (three.says, three.age) == ("not answered yet", None)
    assert (two.says, two.age) == ("unknown (it is too old)", 5.0)
    silent = evidence_of(evolve(lost(away=(1, 2)), dhcp_reports={}), VLAN, ONE)
    assert (silent.items[0].says, silent.items[0].age) == ("unknown", None)


def test_of_a_rack_in_no_pair_there_is_no_evidence():
    assert evidence_of(lost(), VLAN, THREE) is None
    assert evidence_of(lost(), VlanId(7), ONE) is None


@pytest.mark.parametrize("found", sorted(ALIVE))
@pytest.mark.parametrize("who", [TWO, THREE])
@pytest.mark.parametrize("age", [5.0, 2 * FRESH_SECONDS])
def test_one_sign_of_life_is_enough_however_old_it_is(found, who, age):
    probes = [evolve(p, found=found, age=age) if (p.asked, p.target) == (who, ONE) else p
              for p in ALL_SILENT]  # fmt: skip
    name = "rack2" if who == TWO else "rack3"
    assert f"{name} finds the host of rack1 alive ({found})" in missing_in(lost(*probes))


NO_THIRD = "no third rack of the VLAN reaches rack2 and finds the host of rack1 silent"
NOT_SILENT = "rack2 has not found the host of rack1 silent"


@pytest.mark.parametrize(
    ("probes", "why"),
    [
        ((), f"{NOT_SILENT}; {NO_THIRD}"),
        (ALL_SILENT[1:], NOT_SILENT),
        (ALL_SILENT[:1], NO_THIRD),
        (ALL_SILENT[:2], NO_THIRD),
        ((ALL_SILENT[0], ALL_SILENT[2]), NO_THIRD),
        ((*ALL_SILENT[:1], probe(THREE, TWO, "silent"), ALL_SILENT[2]), NO_THIRD),
        ((*ALL_SILENT[:1], probe(THREE, TWO, "unknown"), ALL_SILENT[2]), NO_THIRD),
        ((*ALL_SILENT[:2], probe(THREE, ONE, "unknown")), NO_THIRD),
        ((probe(TWO, ONE, "unknown"), *ALL_SILENT[1:]), NOT_SILENT),
        ((probe(TWO, ONE, "silent", FRESH_SECONDS + 1), *ALL_SILENT[1:]), NOT_SILENT),
        ((*ALL_SILENT[:2], probe(THREE, ONE, "silent", FRESH_SECONDS + 1)), NO_THIRD),
        ((*ALL_SILENT[:1], probe(THREE, TWO, "refused", FRESH_SECONDS + 1), ALL_SILENT[2]),
         NO_THIRD),
        ((*ALL_SILENT[:2], probe(FOUR, ONE, "silent")), NO_THIRD),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_missing_is_named(probes, why):
    assert missing_in(lost(*probes)) == why


def test_what_a_rack_said_before_it_was_lost_too_is_none():
    fleet = lost(*ALL_SILENT, away=(1, 3))
    assert missing_in(fleet) == NO_THIRD


def test_what_forbids_the_operators_word_forbids_this_one():
    assert "still hears the other" in missing_in(lost(*ALL_SILENT, state="normal"))
    assert "rack1 is connected" in missing_in(lost(*ALL_SILENT, away=()))


# When it counts


def why_not(fleet, held=MINUTES, after=MINUTES):
    return why_not_now(fleet, evidence_of(fleet, VLAN, ONE), held_seconds=held, after_seconds=after)


def test_evidence_counts_when_it_has_been_complete_for_long_enough():
    assert why_not(lost(*ALL_SILENT)) is None
    assert (
        why_not(lost(*ALL_SILENT), held=599.5) == "it has been so for 599 s, and must be for 600 s"
    )
    assert why_not(lost(*ALL_SILENT[:2])) == NO_THIRD


def test_operators_may_keep_it_to_themselves():
    assert "auto_partner_down: off" in why_not(lost(*ALL_SILENT), after=None)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"breaker": BREAKER}, "the circuit breaker holds"),
        ({"hold": HOLD}, "balancing is on hold"),
        (
            {
                "partner_downs": {
                    VLAN: PartnerDown(vlan=VLAN, survivor=TWO, dead=ONE, who="anna", at=AT)
                }
            },
            "it was said before",
        ),
    ],
    ids=["breaker", "hold", "word"],
)
def test_rule_5_it_does_not_count_while_something_holds_it(more, why):
    assert why_not(evolve(lost(*ALL_SILENT), **more)) == why


def test_a_breaker_that_an_operator_released_holds_nothing():
    assert why_not(evolve(lost(*ALL_SILENT), breaker=evolve(BREAKER, released=True))) is None


def with_word(fleet, **more):
    word = PartnerDown(
        vlan=VLAN, survivor=TWO, dead=ONE, who="leader", at=AT, **{"by_evidence": True, **more}
    )
    return evolve(fleet, partner_downs={VLAN: word})


def test_the_leaders_word_stays_while_its_evidence_is_complete():
    assert words_without_evidence(lost(*ALL_SILENT)) == ()
    assert words_without_evidence(with_word(lost(*ALL_SILENT))) == ()
    refused = (probe(TWO, ONE, "refused"), *ALL_SILENT[1:])
    assert words_without_evidence(with_word(lost(*refused))) == (VLAN,)
    assert words_without_evidence(with_word(lost(*ALL_SILENT, state="normal"))) == (VLAN,)


def test_a_word_that_was_taken_or_is_an_operators_needs_no_evidence():
    assert words_without_evidence(with_word(lost(), taken_at=AT)) == ()
    assert words_without_evidence(with_word(lost(), by_evidence=False)) == ()
    taken = lost(*ALL_SILENT, state="partner-down")
    assert words_without_evidence(with_word(taken)) == (), "its answer is just not noted yet"


def test_what_is_complete_is_found_where_racks_are_asked():
    (found,) = complete_evidence(lost(*ALL_SILENT))
    assert (found.vlan, found.dead) == (VLAN, ONE)
    assert complete_evidence(lost()) == ()
    assert complete_evidence(lost(*ALL_SILENT[:2])) == ()
    assert complete_evidence(lost(*ALL_SILENT, away=())) == ()
    assert complete_evidence(evolve(lost(*ALL_SILENT), services={})) == ()


any_probe = st.builds(
    probe,
    asked=st.sampled_from([TWO, THREE, FOUR]),
    target=st.sampled_from([ONE, TWO]),
    found=st.none() | st.sampled_from(get_args(Found)),
    age=st.sampled_from([0.0, FRESH_SECONDS, FRESH_SECONDS + 1]),
)
any_probes = st.lists(any_probe, max_size=5, unique_by=lambda p: (p.asked, p.target)) | st.lists(
    any_probe, max_size=2
).map(lambda more: (*ALL_SILENT, *more))


@given(
    probes=any_probes,
    away=st.sampled_from([(), (1,), (1,), (1,), (1, 2), (1, 3), (1, 3, 4)]),
    state=st.sampled_from([APART, APART, *get_args(SideState)]),
    held=st.sampled_from([0.0, MINUTES]),
    after=st.sampled_from([MINUTES, None]),
    held_by=st.sampled_from([{}, {}, {"hold": HOLD}, {"breaker": BREAKER}]),
)
def test_rule_5_never_with_any_sign_of_life(probes, away, state, held, after, held_by):
    fleet = evolve(lost(*probes, racks=(1, 2, 3, 4), away=away, state=state), **held_by)
    if why_not(fleet, held=held, after=after) is not None:
        return
    assert not fleet.is_connected(ONE)
    assert fleet.is_connected(TWO)
    assert fleet.dhcp_side(TWO, VLAN).state == APART
    assert not any(p.found in ALIVE for p in probes if p.target == ONE)
    fresh = [p for p in probes if p.age <= FRESH_SECONDS and fleet.is_connected(p.asked)]
    silent = {p.asked for p in fresh if p.target == ONE and p.found == "silent"}
    reach = {p.asked for p in fresh if p.target == TWO and p.found in ALIVE}
    assert TWO in silent
    assert (silent & reach) - {ONE, TWO}
    assert (held, after, held_by) == (MINUTES, MINUTES, {})
