"""One rack takes the places of another: stories from the wish to the files."""

from ipaddress import IPv4Address

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.rack_replacing import RackReplacement
from evenrack.model.bmc import Bmc
from evenrack.model.dhcp_roles import Pins
from evenrack.model.identifiers import BmcId, VlanId
from evenrack.model.intents import Breaker
from tests.balance.dhcp_model import AT, Story
from tests.dhcp_fleet import dhcp_fleet, draining, in_domains, pair_of, rack_id, with_services

OLD, PARTNER, NEW, THIRD = 1, 2, 3, 4
FIRST, SECOND = VlanId(1), VlanId(2)


def replacement(fleet, old=OLD, new=NEW):
    return RackReplacement(fleet=fleet, old=rack_id(old), new=rack_id(new))


def states(fleet, **racks):
    places = replacement(fleet, **racks).places()
    return {(int(place.vlan), place.role): (place.state, place.why) for place in places}


def whys(burdens):
    return [burden.why for burden in burdens]


def story(attached, *pairs):
    """Racks that serve these pairs, VLAN after VLAN."""
    made = dict(enumerate(pairs, start=1))
    found = Story(dhcp_fleet(attached, pairs=made, services=made)).settle()
    assert found.fleet.pairs == {VlanId(v): pair_of(*racks) for v, racks in made.items()}
    return found


def two_vlans():
    """The old rack is the primary of one VLAN and the secondary of the other; two are free."""
    return story({1: [1, 2, 3, 4], 2: [1, 2, 3, 4]}, (OLD, PARTNER), (PARTNER, OLD))


def test_the_new_rack_gets_each_place_of_the_old_one_and_the_others_keep_theirs():
    replaced = two_vlans()
    replaced.do("replace", (OLD, NEW))
    assert states(replaced.fleet) == {
        (1, "primary"): ("moves", ""),
        (2, "secondary"): ("moves", ""),
    }
    replaced.settle()
    assert replaced.fleet.pairs == {FIRST: pair_of(NEW, PARTNER), SECOND: pair_of(PARTNER, NEW)}
    assert replaced.role(FIRST, NEW) == "primary"
    assert not replaced.running.get(rack_id(OLD))
    assert states(replaced.fleet) == {(1, "primary"): ("done", ""), (2, "secondary"): ("done", "")}


def test_what_the_old_rack_has_is_never_without_a_server_that_has_every_lease():
    replaced = two_vlans()
    replaced.do("replace", (OLD, NEW))
    while replaced.look():
        for vlan in (FIRST, SECOND):
            serving = [rack for rack in (OLD, PARTNER) if replaced.role(vlan, rack)]
            assert serving, f"{vlan} after {replaced.turns}"
        replaced.check()


def test_the_new_rack_does_not_take_the_place_of_the_old_one_s_partner():
    """Not even while that one is away for a moment, and the old one serves on."""
    replaced = two_vlans()
    replaced.do("lose", PARTNER)
    replaced.do("replace", (OLD, NEW))
    replaced.settle()
    assert replaced.fleet.pairs[FIRST] == pair_of(OLD, PARTNER)
    replaced.do("return", ())
    replaced.settle()
    assert replaced.fleet.pairs == {FIRST: pair_of(NEW, PARTNER), SECOND: pair_of(PARTNER, NEW)}


def test_one_that_is_the_partner_already_leads_and_another_takes_the_second_place():
    replaced = story({1: [1, 2, 4], 2: [1, 2, 4]}, (OLD, PARTNER), (PARTNER, OLD))
    replaced.do("replace", (OLD, PARTNER))
    replaced.settle()
    assert set(replaced.fleet.pairs.values()) == {pair_of(PARTNER, THIRD)}
    found = states(replaced.fleet, new=PARTNER)
    assert found == {(1, "primary"): ("done", "")}
    alone = story({1: [1, 2]}, (OLD, PARTNER))
    alone.do("replace", (OLD, PARTNER))
    alone.settle()
    assert alone.fleet.pairs == {FIRST: pair_of(PARTNER, OLD)}
    why = "no other rack is there to serve it with rack2"
    assert states(alone.fleet, new=PARTNER) == {(1, "primary"): ("waits", why)}


def test_who_took_the_places_of_another_can_be_replaced_itself():
    """The first one is still there, drained: its successor is to have nothing any more."""
    replaced = two_vlans()
    for old, new in ((OLD, NEW), (NEW, THIRD)):
        replaced.do("replace", (old, new))
        replaced.settle()
    assert replaced.fleet.pairs == {
        FIRST: pair_of(THIRD, PARTNER),
        SECOND: pair_of(PARTNER, THIRD),
    }
    assert {state for state, _ in states(replaced.fleet, old=NEW, new=THIRD).values()} == {"done"}


def test_a_dead_rack_is_replaced_when_it_was_called_dead_and_mclt_is_over():
    dead = two_vlans()
    dead.do("die", OLD)
    dead.settle(lost=[rack_id(OLD)])
    dead.do("replace", (OLD, NEW))
    dead.settle(lost=[rack_id(OLD)])
    assert dead.role(FIRST, NEW) is None, "the old one's dhcpd may live"
    assert set(states(dead.fleet).values()) == {
        (
            "waits",
            "rack1 is lost, and may go on serving it; when it is off: "
            f"`evenrack dhcp partner-down vlan{vlan} --dead rack1`",
        )
        for vlan in (1, 2)
    }
    dead.do("call dead", ())
    dead.settle(lost=[rack_id(OLD)])
    assert {state for state, _ in states(dead.fleet).values()} == {"done"}
    assert set(dead.fleet.pairs.values()) == {pair_of(PARTNER, NEW)}
    dead.do("return", ())
    dead.settle()
    assert not dead.running.get(rack_id(OLD))


def test_the_rack_that_was_designated_for_the_place_of_a_lost_one_waits_no_more_when_it_is_named():
    lost = two_vlans()
    lost.do("die", OLD)
    lost.settle(lost=[rack_id(OLD)])
    taker = {pair.secondary for pair in lost.fleet.pairs.values()}
    assert rack_id(THIRD) in taker, "otherwise this shows nothing"
    lost.do("replace", (OLD, NEW))
    lost.settle(lost=[rack_id(OLD)])
    assert set(lost.fleet.pairs.values()) == {pair_of(PARTNER, NEW)}
    lost.do("return", ())
    lost.settle()
    assert set(lost.fleet.pairs.values()) == {pair_of(PARTNER, NEW)}, "it leaves in order"
    assert lost.role(FIRST, NEW)
    assert not lost.running.get(rack_id(OLD))


def with_word(fleet, **more):
    """The fleet after the partner of a dead rack was told so."""
    told = Story(fleet).settle()
    told.do("die", OLD)
    told.settle(lost=[rack_id(OLD)])
    told.do("call dead", ())
    words = {v: evolve(word, **more) for v, word in told.fleet.partner_downs.items()}
    return evolve(told.fleet, partner_downs=words, taken_over=frozenset())


def test_what_a_lost_rack_is_waited_for_is_said_of_each_vlan():
    fleet = two_vlans().fleet
    until = with_word(fleet, usable_at=AT)
    mclt = ("moves", "mclt is over at 2026-11-29T03:00:00.000Z")
    assert set(states(until).values()) == {mclt}
    assert set(states(with_word(fleet)).values()) == {("moves", "")}
    refused = with_word(fleet, refused="it is in recover")
    assert set(states(refused).values()) == {
        ("waits", "rack2 does not take over: it is in recover")
    }
    both = dhcp_fleet({1: [1, 2, 3]}, away=[1, 2], pairs={1: (1, 2)}, services={1: (1, 2)})
    assert states(both)[1, "primary"] == ("waits", "rack1 and rack2 are lost; bring one back")
    state, why = states(with_services(both, {1: (1,)}))[1, "primary"]
    assert (state, "only it has the leases" in why) == ("waits", True)
    assert "`evenrack rack delete rack1 --gone`" in why


def test_one_that_is_back_after_it_was_called_dead_stops_when_it_is_normal():
    returned = Story(two_vlans().fleet).settle()
    returned.do("replace", (OLD, NEW))
    side = returned.fleet.dhcp_side(rack_id(OLD), FIRST)
    report = returned.fleet.dhcp_report(rack_id(OLD))
    waits = evolve(report, vlans=(evolve(side, state="recover-wait"),))
    fleet = evolve(
        returned.fleet, dhcp_reports={**returned.fleet.dhcp_reports, rack_id(OLD): waits}
    )
    why = "rack1 is in recover-wait, and stops when it is normal"
    assert states(fleet) == {(1, "primary"): ("moves", why), (2, "secondary"): ("moves", "")}


def test_what_holds_a_replacement_up_is_said():
    fleet = two_vlans().fleet
    held = evolve(fleet, breaker=Breaker(why="much was lost"))
    assert "evenrack balance release" in states(held)[1, "primary"][1]
    replaced = two_vlans()
    replaced.do("replace", (OLD, NEW))
    replaced.do("lose", NEW)
    assert set(states(replaced.fleet).values()) == {("waits", "rack3 is not connected")}


def test_it_is_refused_where_the_new_rack_cannot_serve_with_every_reason():
    fleet = dhcp_fleet({1: [1, 2, 3], 2: [1, 2], 3: [2, 1]}, pairs={1: (1, 2), 2: (2, 1)})
    assert whys(replacement(fleet).hindrances()) == ["vlan2: rack3 has no address on it"]
    away = dhcp_fleet({1: [1, 2, 3]}, away=[3], pairs={1: (1, 2)})
    assert whys(replacement(away).hindrances()) == ["rack3 is not connected"]
    drains = draining(dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)}), NEW)
    assert whys(replacement(drains).hindrances()) == ["rack3 drains itself"]
    assert replacement(two_vlans().fleet).hindrances() == []


def with_bmc(fleet, *reached_by):
    bmc = Bmc(id=BmcId(7), name="b7", driver="ipmitool", address=IPv4Address("10.9.0.7"), user="x")
    return evolve(
        fleet,
        bmcs={bmc.id: bmc},
        answered={bmc.id: tuple(rack_id(n) for n in reached_by)},
        bmc_owners={bmc.id: rack_id(OLD)},
    )


def test_a_bmc_that_only_the_old_rack_reaches_forbids_it_and_others_move():
    fleet = dhcp_fleet({1: [1, 2, 3]}, pairs={1: (1, 2)})
    (why,) = whys(replacement(with_bmc(fleet, OLD)).hindrances())
    assert why == "b7: no other connected rack reaches it"
    both = replacement(with_bmc(fleet, OLD, NEW))
    assert both.hindrances() == []
    assert whys(both.bmcs_to_move()) == ["b7 is owned by rack1"]


def test_names_of_the_old_rack_become_the_new_one_s():
    fleet = two_vlans().fleet

    def named(primary=None, secondary=None):
        racks = (None if n is None else rack_id(n) for n in (primary, secondary))
        return Pins(**dict(zip(("primary", "secondary"), racks, strict=True)))

    def then(*pins):
        found = replacement(evolve(fleet, pins={FIRST: named(*pins)})).pins()
        return found.get(FIRST)

    assert then(OLD, PARTNER) == named(NEW, PARTNER)
    assert then(PARTNER, OLD) == named(PARTNER, NEW)
    assert then(OLD) == named(NEW)
    assert then(OLD, NEW) == named(NEW)
    assert then(NEW, OLD) == named(NEW)
    assert then(PARTNER, NEW) is None


def test_a_role_for_which_an_operator_named_another_is_not_taken():
    fleet = two_vlans().fleet
    pinned = evolve(fleet, pins={FIRST: Pins(primary=rack_id(THIRD))})
    assert replacement(pinned).succession().primary_of == frozenset()
    own = evolve(fleet, pins={SECOND: Pins(primary=rack_id(OLD))})
    assert replacement(own).succession().primary_of == {FIRST, SECOND}


def test_the_same_wish_again_keeps_what_it_began_with():
    replaced = two_vlans()
    replaced.do("replace", (OLD, NEW))
    wish = replaced.fleet.drains[0].succession
    replaced.settle()
    replaced.do("replace", (OLD, NEW))
    assert replaced.fleet.drains[0].succession == wish


def test_that_the_new_rack_fails_together_with_its_partner_is_said():
    fleet = in_domains(two_vlans().fleet, rack2="room 1", rack3="room 1")
    assert states(fleet)[1, "primary"] == ("moves", "rack3 and rack2 are both in room 1")


def test_racks_that_nobody_knows_by_name_are_told_by_id():
    fleet = two_vlans().fleet
    gone = evolve(fleet, racks={r: it for r, it in fleet.racks.items() if r != rack_id(NEW)})
    assert "rack0003 is not connected" in whys(replacement(gone).hindrances())


PAIRS = st.lists(
    st.permutations([1, 2, 4, 5]).map(lambda racks: tuple(racks[:2])), min_size=1, max_size=5
)


@given(PAIRS, st.sampled_from([1, 2, 4, 5]))
def test_whatever_a_rack_has_another_has_it_in_the_end_and_no_one_else_anything_more(pairs, old):
    vlans = range(1, len(pairs) + 1)
    before = story({vlan: [1, 2, 3, 4, 5] for vlan in vlans}, *pairs)
    before.do("replace", (old, NEW))
    before.settle()
    assert before.fleet.pairs == {
        VlanId(vlan): pair_of(*(NEW if rack == old else rack for rack in racks))
        for vlan, racks in zip(vlans, pairs, strict=True)
    }
    found = states(before.fleet, old=old)
    assert {state for state, _ in found.values()} <= {"done"}
    assert len(found) == sum(old in racks for racks in pairs)
