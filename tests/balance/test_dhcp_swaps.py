"""How the roles of a pair are exchanged in the files (M12)."""

from ipaddress import IPv4Address, IPv4Interface

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_services import decide_services
from evenrack.balance.dhcp_swaps import failed_swaps, swaps_under_way, turns_after
from evenrack.balance.dhcp_turns import Patience, decide_turns
from evenrack.model.dhcp_plan import SHARED
from evenrack.model.dhcp_report import VlanError
from evenrack.model.identifiers import VlanId
from evenrack.model.intents import Breaker
from tests.balance.dhcp_model import Story
from tests.dhcp_fleet import (
    dhcp_fleet,
    pair_of,
    plan_name,
    rack_id,
    server_of,
    service_of,
    serving,
    waiting,
)

VLAN = VlanId(1)
ONE, TWO = rack_id(1), rack_id(2)
TRIPPED = Breaker(why="half of the racks are lost")
OTHER_ORDER = (server_of(1, 2), server_of(1, 1))


def served(attached=None, *, pairs=None, services=None, **more):
    """A fleet in which all is well; VLAN 1 is rack 1's and rack 2's, designated the other way."""
    fleet = dhcp_fleet(
        attached or {1: [1, 2]},
        pairs=pairs or {1: (2, 1)},
        services=services or {1: (1, 2)},
        **more,
    )
    return serving(fleet, *(n for n in range(1, 10) if rack_id(n) in fleet.racks))


def swapped(fleet=None):
    """The fleet when the exchange is decided, and both racks wait for their turns."""
    fleet = fleet or served()
    services = {**fleet.services, **decide_services(fleet, {})}
    return waiting(evolve(fleet, services=services), 1, 2)


def told(fleet, rack, **more):
    report = evolve(fleet.dhcp_reports[rack], **more)
    return evolve(fleet, dhcp_reports={**fleet.dhcp_reports, rack: report})


def with_side(fleet, rack, **more):
    (side,) = fleet.dhcp_reports[rack].vlans
    return told(fleet, rack, vlans=(evolve(side, **more),))


def begun(fleet):
    """The old primary has restarted; its peer has not."""
    state = "communications-interrupted"
    fleet = with_side(fleet, ONE, role="secondary", state="startup")
    fleet = told(fleet, ONE, waiting="", applied=plan_name(fleet, 1), changing=True)
    fleet = with_side(fleet, TWO, state=state)
    return evolve(fleet, turns={ONE: plan_name(fleet, 1)})


def turns(fleet, **patience):
    return set(decide_turns(fleet, Patience(**patience)))


# Whether to exchange them


def test_m12_the_roles_follow_the_designation_when_both_are_there():
    (service,) = decide_services(served(), {}).values()
    assert service.servers == OTHER_ORDER
    assert service.met


def old_number(fleet):
    return evolve(fleet.services[VLAN].number, generation=1)


NOT_NOW = {
    "not normal": lambda fleet: with_side(fleet, ONE, state="communications-interrupted"),
    "no lease yet": lambda fleet: with_side(fleet, TWO, state="recover"),
    "another peer": lambda fleet: with_side(fleet, TWO, peer=rack_id(3)),
    "old content": lambda fleet: with_side(fleet, TWO, number=old_number(fleet)),
    "nothing served": lambda fleet: told(fleet, ONE, vlans=()),
    "a failed start": lambda fleet: told(fleet, ONE, failed="it did not start"),
    "refused": lambda fleet: told(fleet, TWO, errors=(VlanError(vlan=VLAN, error="no"),)),
    "another VLAN refused": lambda fleet: told(
        fleet, TWO, errors=(VlanError(vlan=VlanId(9), error="no"),)
    ),
    "waits for another turn": lambda fleet: told(fleet, TWO, waiting="another plan"),
    "not running": lambda fleet: told(fleet, TWO, running=False),
    "another pair not normal": lambda fleet: told(
        fleet,
        TWO,
        vlans=(
            *fleet.dhcp_reports[TWO].vlans,
            evolve(fleet.dhcp_reports[TWO].vlans[0], vlan=VlanId(9), state="startup"),
        ),
    ),
    "breaker": lambda fleet: evolve(fleet, breaker=TRIPPED),
    "never met": lambda fleet: evolve(
        fleet, services={VLAN: evolve(fleet.services[VLAN], met=False)}
    ),
}


@pytest.mark.parametrize("not_now", NOT_NOW.values(), ids=NOT_NOW)
def test_m12_roles_are_left_alone_where_something_else_is_to_be_done_first(not_now):
    assert decide_services(not_now(served()), {}) == {}


def test_m12_global_snippets_that_are_refused_hold_up_no_exchange():
    refusing = told(served(), TWO, errors=(VlanError(vlan=SHARED, error="no"),))
    assert decide_services(refusing, {}) == decide_services(served(), {}) != {}


@pytest.mark.parametrize("away", [[1], [2]])
def test_m12_roles_are_left_alone_while_one_of_the_two_is_away(away):
    assert decide_services(served(away=away), {}) == {}


def test_m12_an_exchange_that_failed_is_put_off():
    assert decide_services(served(), {}, put_off=[VLAN]) == {}
    failed = told(swapped(), ONE, took_back=(VLAN,))
    assert failed_swaps(failed) == [VLAN]
    assert failed_swaps(swapped()) == []
    assert failed_swaps(told(begun(swapped()), TWO, took_back=(VLAN,))) == []


def test_m12_one_that_is_alone_has_no_role_to_exchange():
    alone = service_of(1, 1)
    assert alone.exchanged() == alone
    assert decide_services(served(pairs={1: (1,)}, services={1: (1,)}, away=[2]), {}) == {}


def test_m12_a_second_decision_changes_nothing():
    assert decide_services(swapped(), {}) == {}
    assert decide_services(begun(swapped()), {}) == {}


# What is called off


def only(fleet, rack):
    return tuple(link for link in fleet.links if link.rack == rack)


OTHERWISE = {
    "designated back": lambda fleet: evolve(fleet, pairs={VLAN: pair_of(1, 2)}),
    "new primary lost": lambda fleet: evolve(fleet, links=only(fleet, ONE)),
    "refused": lambda fleet: told(fleet, TWO, errors=(VlanError(vlan=VlanId(9), error="no"),)),
    "did not start": lambda fleet: told(fleet, ONE, failed="no"),
}


@pytest.mark.parametrize("other", OTHERWISE.values(), ids=OTHERWISE)
def test_m12_what_has_not_begun_is_called_off_and_what_has_begun_goes_on(other):
    (service,) = decide_services(other(swapped()), {}).values()
    assert service.racks == (ONE, TWO)
    assert decide_services(other(begun(swapped())), {}) == {}


def test_m12_when_the_old_primary_is_lost_its_peer_keeps_the_role_that_it_has():
    """Or each change of its own would wait for a turn that nobody tells it any more."""
    for fleet in (swapped(), begun(swapped())):
        (service,) = decide_services(evolve(fleet, links=only(fleet, TWO)), {}).values()
        assert service.racks == (ONE, TWO)


def test_m12_what_may_be_restarting_just_now_is_not_called_off_for_what_others_see_of_it():
    fleet = with_side(swapped(), TWO, state="communications-interrupted")
    (service,) = decide_services(fleet, {}).values()
    assert service.racks == (ONE, TWO)
    assert decide_services(evolve(fleet, turns={ONE: plan_name(fleet, 1)}), {}) == {}


def test_m12_what_failed_is_called_off():
    (service,) = decide_services(swapped(), {}, put_off=[VLAN]).values()
    assert service.racks == (ONE, TWO)


def test_m12_an_address_that_changes_meanwhile_calls_it_off_for_one_step_with_both():
    elsewhere = {**swapped().interfaces, ONE: (IPv4Interface("10.1.0.77/24"),)}
    (service,) = decide_services(evolve(swapped(), interfaces=elsewhere), {}).values()
    assert service.racks == (ONE, TWO)
    assert str(service.primary.address) == "10.1.0.77"
    assert decide_services(evolve(begun(swapped()), interfaces=elsewhere), {}) == {}
    (service,) = decide_services(evolve(served(), interfaces=elsewhere), {}).values()
    assert service.racks == (ONE, TWO)


# Two that have one role


def test_m12_of_two_primaries_the_wrong_one_restarts_at_once():
    """One lost its power between, and came back with what it had last; no pair is normal then."""
    fleet = swapped()
    fleet = with_side(fleet, TWO, role="primary", state="communications-interrupted")
    fleet = with_side(fleet, ONE, state="communications-interrupted")
    fleet = told(fleet, TWO, waiting="", applied=plan_name(fleet, 2))
    assert turns(fleet) == {ONE}


# One partner at a time


def test_m12_a_primary_with_several_partners_exchanges_roles_with_one_at_a_time():
    star = {1: [1, 2], 2: [1, 3], 3: [1, 2]}
    pairs = {1: (2, 1), 2: (3, 1), 3: (2, 1)}
    services = {1: (1, 2), 2: (1, 3), 3: (1, 2)}
    fleet = served(star, pairs=pairs, services=services)
    assert set(decide_services(fleet, {})) == {VlanId(1), VlanId(3)}


def test_m12_of_two_racks_one_way_at_a_time():
    both = {1: [1, 2], 2: [1, 2]}
    fleet = served(both, pairs={1: (2, 1), 2: (1, 2)}, services={1: (1, 2), 2: (2, 1)})
    assert set(decide_services(fleet, {})) == {VLAN}


def test_m12_nothing_joins_a_step_that_has_begun():
    both = {1: [1, 2], 2: [1, 2]}
    roles = {"pairs": {1: (2, 1), 2: (1, 2)}, "services": {1: (1, 2), 2: (1, 2)}}
    fleet = swapped(served(both, **roles))
    one = fleet.dhcp_reports[ONE].vlans[0]
    sides = (evolve(one, role="secondary", state="startup"), *fleet.dhcp_reports[ONE].vlans[1:])
    fleet = evolve(told(fleet, ONE, vlans=sides), pairs={**fleet.pairs, VlanId(2): pair_of(2, 1)})
    assert swaps_under_way(fleet)[VLAN].begun
    assert decide_services(fleet, {}) == {}


# Whose turn it is


def test_m12_the_old_primary_restarts_first_and_its_peer_when_it_has():
    """The other way round both give the same free addresses to two clients."""
    fleet = swapped()
    assert turns(fleet) == {ONE}
    assert turns(evolve(fleet, turns={ONE: plan_name(fleet, 1)})) == set()
    assert turns(begun(fleet)) == {TWO}


def test_m12_nobody_restarts_for_it_before_both_have_checked_their_new_files():
    assert turns(told(swapped(), TWO, waiting="")) == set()
    assert turns(told(swapped(), ONE, waiting="")) == set()
    refusing = told(swapped(), TWO, errors=(VlanError(vlan=VLAN, error="no"),))
    assert turns(refusing) == set()


def test_m12_the_turn_of_the_new_primary_follows_that_of_the_old_one():
    fleet = begun(swapped())
    assert turns_after(fleet, {TWO: "its plan"}) == {TWO: ONE}
    assert turns_after(fleet, {rack_id(3): "another"}) == {}
    assert turns_after(swapped(), {ONE: "its plan"}) == {}


def test_m12_what_an_old_primary_said_in_an_earlier_try_does_not_count():
    fleet = begun(swapped())
    again = evolve(fleet, turns={ONE: "the turn of the next try"})
    assert not swaps_under_way(again)[VLAN].begun
    assert turns(again) == set()
    assert swaps_under_way(told(again, ONE, changing=False))[VLAN].begun


def test_m12_the_new_primary_waits_while_the_old_one_is_not_normal_elsewhere():
    fleet = served(
        {1: [1, 2], 2: [1, 3]}, pairs={1: (2, 1), 2: (1, 3)}, services={1: (1, 2), 2: (1, 3)}
    )
    fleet = swapped(fleet)
    first, second = fleet.dhcp_reports[ONE].vlans
    first = evolve(first, role="secondary", state="startup")
    restarted = {"waiting": "", "applied": plan_name(fleet, 1), "changing": True}
    fleet = evolve(fleet, turns={ONE: plan_name(fleet, 1)})
    starting = told(fleet, ONE, vlans=(first, evolve(second, state="startup")), **restarted)
    assert turns(starting) == set()
    assert turns(told(fleet, ONE, vlans=(first, second), **restarted)) == {TWO}


def test_m12_no_neighbour_of_the_new_primary_gets_in_between():
    """It would hold the new primary up, until the old one takes its role back."""
    fleet = served(
        {1: [1, 2], 2: [2, 3]}, pairs={1: (2, 1), 2: (2, 3)}, services={1: (1, 2), 2: (2, 3)}
    )
    fleet = waiting(swapped(renamed(fleet, 2)), 3)
    assert turns(fleet) == {ONE}
    granted = evolve(fleet, turns={ONE: plan_name(fleet, 1)})
    assert turns(granted) == set()
    two = fleet.dhcp_reports[TWO].vlans
    two = (evolve(two[0], state="communications-interrupted"), two[1])
    one = (evolve(fleet.dhcp_reports[ONE].vlans[0], role="secondary", state="startup"),)
    restarted = {"waiting": "", "applied": plan_name(fleet, 1), "vlans": one}
    assert turns(told(told(granted, ONE, **restarted), TWO, vlans=two)) == {TWO}


def renamed(fleet, vlan):
    vlan = fleet.vlans[VlanId(vlan)]
    return evolve(fleet, vlans={**fleet.vlans, vlan.id: evolve(vlan, name="another")})


def test_m12_who_restarts_in_one_step_with_another_comes_later_all_the_same():
    """Its address on another VLAN changes meanwhile: that is a step with its peer there."""
    fleet = served(
        {1: [1, 2], 2: [3, 2]}, pairs={1: (1, 2), 2: (2, 3)}, services={1: (1, 2), 2: (3, 2)}
    )
    services = {**fleet.services, **decide_services(fleet, {})}
    first = evolve(services[VLAN].primary, address=IPv4Address("10.1.0.77"))
    fleet = evolve(fleet, services={**services, VLAN: evolve(services[VLAN], primary=first)})
    assert fleet.services[VlanId(2)].racks == (TWO, rack_id(3))
    fleet = waiting(fleet, 1, 2, 3)
    assert turns(fleet) == {rack_id(3)}


# Whole stories


DEEDS = st.one_of(
    st.tuples(st.just("drain"), st.sets(st.integers(1, 4), max_size=1)),
    st.tuples(st.just("move"), st.integers(1, 4)),
    st.tuples(st.just("lose"), st.integers(1, 4)),
    st.tuples(st.just("die"), st.integers(1, 4)),
    st.tuples(st.just("call dead"), st.just(None)),
    st.tuples(st.just("return"), st.just(None)),
    st.tuples(st.just("take back"), st.just(None)),
    st.tuples(st.just("wait"), st.integers(0, 3)),
)


@st.composite
def stories(draw):
    """Racks 1 to 4, some VLANs that two or three of them are on, and what happens to them."""
    attached = draw(
        st.dictionaries(
            st.integers(1, 4),
            st.lists(st.integers(1, 4), min_size=2, max_size=3, unique=True),
            min_size=1,
        )
    )
    return attached, draw(st.lists(DEEDS, max_size=8))


@given(stories())
def test_m12_whatever_happens_no_vlan_ever_has_two_primaries_and_the_files_follow(case):
    attached, deeds = case
    story = Story(dhcp_fleet(attached)).settle()
    for deed, what in deeds:
        story.do(deed, what)
        for _ in range(3):  # the next deed comes in the middle
            story.look()
            story.check()
    story.do("drain", set())
    story.do("return", None)
    story.settle()
    for vlan, pair in story.fleet.pairs.items():
        service = story.fleet.services[vlan]
        assert service.racks == pair.racks
        for rack in service.racks:
            assert story.role(vlan, int(rack[-1])) == service.role_of(rack)
