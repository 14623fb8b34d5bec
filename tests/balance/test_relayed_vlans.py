"""A relayed VLAN is served by the pair of the one that relays it, and by nobody else beside it."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.balance.dhcp_pairs import decide_pairs
from evenrack.balance.dhcp_services import decide_services
from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.balance.relayed_vlans import decide_relayed
from evenrack.model.dhcp_report import DhcpReport, VlanReport
from evenrack.model.network_rules import problems_of
from tests.dhcp_fleet import dhcp_fleet, rack_id, serving, with_relays, with_services

HERE, FAR, OTHER = 1, 2, 3
ATTACHED = {HERE: [1, 2], FAR: [3, 4], OTHER: [5, 6]}
PAIRS = {HERE: (1, 2)}


def relaying(*, relayed=None, **more):
    """Racks 1 and 2 serve HERE, which relays FAR, where racks 3 and 4 have addresses."""
    fleet = dhcp_fleet(ATTACHED, off=[OTHER], **{"pairs": PAIRS, "services": PAIRS, **more})
    return with_relays(fleet, {FAR: HERE}, relayed=relayed)


def served(fleet, rack):
    return {
        service.vlan.id: [vlan.id for vlan in service.vlan.served]
        for service in dhcp_plan_for(fleet, rack_id(rack))
    }


def test_m10_a_relayed_vlan_stands_in_the_files_of_the_pair_that_relays_it_and_in_no_others():
    fleet = relaying()
    assert served(fleet, 1) == served(fleet, 2) == {HERE: [HERE, FAR]}
    assert served(fleet, 3) == served(fleet, 4) == {}
    one, two = (dhcp_plan_for(fleet, rack_id(rack)) for rack in (1, 2))
    assert one[0].vlan == two[0].vlan
    assert one[0].peer_name == two[0].peer_name == "failover-vlan-1"


def test_a_plan_says_nothing_of_relays_where_nothing_is_relayed_and_of_who_relays_nowhere():
    plain = dhcp_fleet(ATTACHED, pairs=PAIRS, services=PAIRS)
    assert "relay" not in dhcp_plan_for(plain, rack_id(1))[0].as_json
    assert "relay_vlan" not in dhcp_plan_for(relaying(), rack_id(1))[0].as_json
    before = with_services(relaying(relayed={}), {FAR: (3, 4)})
    assert "relay" not in dhcp_plan_for(before, rack_id(3))[0].as_json


def test_what_is_relayed_and_gone_by_now_is_in_no_plan():
    fleet = relaying()
    gone = evolve(fleet, vlans={HERE: fleet.vlans[HERE]})
    assert served(gone, 1) == {HERE: [HERE]}


def test_m10_the_racks_that_are_on_a_relayed_vlan_are_not_designated_for_it():
    assert FAR not in decide_pairs(relaying(), lost=()).pairs
    fleet = relaying(pairs={**PAIRS, FAR: (3, 4)})
    assert decide_pairs(fleet, lost=()).pairs == {FAR: None}
    assert decide_services(fleet, {FAR: None}) == {}


def test_it_goes_there_at_once_when_nobody_serves_it():
    assert decide_relayed(relaying(relayed={})) == {FAR: HERE}
    assert decide_relayed(relaying()) == {}


@pytest.mark.parametrize("lost", [(), (3,), (4,)])
def test_m10_it_goes_there_only_when_the_racks_that_it_had_have_stopped_the_lost_ones_too(lost):
    pair = {FAR: (3, 4)}
    before = serving(relaying(relayed={}, services=PAIRS | pair, pairs=PAIRS | pair), 1, 2, 3, 4)
    changes = decide_services(before, {FAR: None})
    assert changes == {FAR: None}
    assert decide_relayed(before, changes) == {}
    told = evolve(with_services(before, PAIRS), pairs={})
    assert decide_relayed(told) == {}, "they have not stopped yet"
    links = [link for link in told.links if link.rack not in map(rack_id, lost)]
    stopped = serving(evolve(told, links=links), *({3, 4} - set(lost)))
    assert decide_relayed(stopped) == ({} if lost else {FAR: HERE})
    deleted = {
        rack: it for rack, it in stopped.dhcp_reports.items() if rack in map(rack_id, (1, 2))
    }
    assert decide_relayed(evolve(stopped, dhcp_reports=deleted)) == {FAR: HERE}


def test_m10_it_waits_for_a_rack_that_may_just_be_beginning_to_serve_it():
    report = DhcpReport(waiting="plan", running=False)
    fleet = evolve(relaying(relayed={}), dhcp_reports={rack_id(3): report})
    assert decide_relayed(evolve(fleet, turns={rack_id(3): "plan"})) == {}
    for turns in ({}, {rack_id(3): ""}, {rack_id(3): "another"}, {rack_id(1): "plan"}):
        assert decide_relayed(evolve(fleet, turns=turns)) == {FAR: HERE}


@pytest.mark.parametrize("lost", [(), (1,), (2,)])
def test_m10_it_has_racks_of_its_own_again_when_those_of_the_other_have_stopped_serving_it(lost):
    before = with_relays(serving(relaying(), 1, 2), {}, relayed={FAR: HERE})
    pairs = decide_pairs(before, lost=()).pairs
    assert pairs[FAR] is not None
    assert FAR not in decide_services(before, pairs)
    assert decide_relayed(before) == {FAR: None}
    told = evolve(before, relayed={})
    assert FAR not in decide_services(told, pairs), "they have not stopped yet"
    links = [link for link in told.links if link.rack not in map(rack_id, lost)]
    stopped = serving(evolve(told, links=links), *({1, 2} - set(lost)))
    assert (FAR in decide_services(stopped, pairs)) == (not lost)


def test_from_one_that_relays_it_to_another_it_goes_by_way_of_nobody():
    fleet = serving(relaying(), 1, 2)
    vlans = {number: evolve(vlan, dhcp_on=True) for number, vlan in fleet.vlans.items()}
    fleet = with_relays(evolve(fleet, vlans=vlans), {FAR: OTHER}, relayed={FAR: HERE})
    assert decide_relayed(fleet) == {FAR: None}
    between = evolve(fleet, relayed={})
    assert decide_relayed(between) == {}
    assert decide_relayed(serving(between, 1, 2)) == {FAR: OTHER}


@pytest.mark.parametrize("off", [[FAR], [HERE, FAR]])
def test_it_is_taken_out_when_dhcp_is_turned_off(off):
    fleet = with_relays(dhcp_fleet(ATTACHED, off=off), {FAR: HERE})
    assert decide_relayed(fleet) == {FAR: None}
    assert decide_relayed(evolve(fleet, relayed={})) == {}


def test_what_is_deleted_or_relayed_by_one_that_is_relayed_stands_nowhere():
    assert decide_relayed(with_relays(dhcp_fleet({HERE: [1]}), {}, relayed={FAR: HERE})) == {
        FAR: None
    }
    in_a_row = with_relays(dhcp_fleet(ATTACHED), {FAR: HERE, OTHER: FAR}, relayed={})
    assert decide_relayed(in_a_row) == {FAR: HERE}


# What happens in any order

DEEDS = st.one_of(
    st.tuples(st.just("relay"), st.sampled_from([None, HERE, OTHER])),
    st.tuples(st.just("dhcp"), st.just(FAR)),
    st.tuples(st.just("link"), st.integers(1, 6)),
    st.tuples(st.just("go_on"), st.lists(st.integers(1, 6), max_size=4)),
)
"""`go_on`: the leader decides, then these racks apply their newest plans."""


class World:
    """A fleet, and what the DHCP servers of its racks really do, heard of or not."""

    def __init__(self):
        self.fleet = dhcp_fleet({HERE: [1, 2], FAR: [2, 3, 4], OTHER: [4, 5, 6]})
        self.links = self.fleet.links
        self.serve = {}
        for _ in range(3):
            self.go_on(range(1, 7))

    def relay(self, by):
        relays = {} if by is None else {FAR: by}
        self._try(with_relays(self.fleet, relays, relayed=self.fleet.relayed))

    def dhcp(self, number):
        vlan = self.fleet.vlans[number]
        changed = evolve(vlan, dhcp_on=not vlan.dhcp_on)
        self._try(evolve(self.fleet, vlans={**self.fleet.vlans, number: changed}))

    def link(self, number):
        rack = rack_id(number)
        links = [link for link in self.fleet.links if link.rack != rack]
        if not self.fleet.is_connected(rack):
            links += [link for link in self.links if link.rack == rack]
        self.fleet = evolve(self.fleet, links=links)
        self._report()

    def go_on(self, numbers):
        self._decide()
        for rack in map(rack_id, numbers):
            if self.fleet.is_connected(rack):
                self.serve[rack] = dhcp_plan_for(self.fleet, rack)
        self._report()

    def _decide(self):
        fleet = self.fleet
        lost = [rack for rack in fleet.racks if not fleet.is_connected(rack)]
        pairs = decide_pairs(fleet, lost=lost).pairs
        services = decide_services(fleet, pairs)
        relayed = decide_relayed(fleet, services)
        self.fleet = evolve(
            fleet,
            pairs=changed(fleet.pairs, pairs),
            services=changed(fleet.services, services),
            relayed=changed(fleet.relayed, relayed),
        )

    def serving_far(self):
        """Under the names of which relations FAR is really served."""
        return {
            service.peer_name
            for plan in self.serve.values()
            for service in plan
            if FAR in [vlan.id for vlan in service.vlan.served]
        }

    def _try(self, fleet):
        if not problems_of(fleet.vlans.values()):
            self.fleet = fleet

    def _report(self):
        told = dict(self.fleet.dhcp_reports)
        for rack, plan in self.serve.items():
            if self.fleet.is_connected(rack):
                told[rack] = DhcpReport(running=True, vlans=tuple(map(report_of, plan)))
        self.fleet = evolve(self.fleet, dhcp_reports=told)


def changed(rows, changes):
    every = {**rows, **changes}
    return {key: row for key, row in sorted(every.items()) if row is not None}


def report_of(service):
    return VlanReport(
        vlan=service.vlan.id,
        number=service.number,
        role=service.role,
        peer=None if service.peer is None else service.peer.rack,
        state="alone" if service.peer is None else "normal",
        relayed=tuple(vlan.id for vlan in service.vlan.relayed),
    )


@given(st.lists(DEEDS, min_size=20, max_size=60))
def test_m10_a_vlan_is_never_served_by_two_pairs_that_know_nothing_of_each_other(deeds):
    world = World()
    for deed, of in deeds:
        getattr(world, deed)(of)
        assert len(world.serving_far()) <= 1


@given(st.lists(DEEDS, max_size=40), st.sampled_from([None, HERE, OTHER]))
def test_with_every_rack_there_it_is_served_in_the_end_by_whom_it_should(deeds, by):
    world = World()
    for deed, of in deeds:
        getattr(world, deed)(of)
    for number in (HERE, OTHER, FAR):
        if not world.fleet.vlans[number].dhcp_on:
            world.dhcp(number)
    world.relay(by)
    for _ in range(8):
        for number in range(1, 7):
            if not world.fleet.is_connected(rack_id(number)):
                world.link(number)
        world.go_on(range(1, 7))
    assert world.serving_far() == {f"failover-vlan-{FAR if by is None else by}"}
