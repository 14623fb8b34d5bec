"""The plan of a lab's network: who hangs where, under which address, on which cable."""

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.network.cables import cables_seen
from evenrack.lab.network.plan import MANAGEMENT, plan_network, racks_on_vlan
from evenrack.lab.refusals import LabRefused

sizes = st.fixed_dictionaries(
    {
        "region_hosts": st.integers(1, 89),
        "racks": st.integers(0, 150),
        "vlans": st.integers(0, 99),
    }
)


def test_the_default_lab_is_a_round_of_racks_with_three_on_each_vlan():
    plan = plan_network(region_hosts=2, racks=4, vlans=4)
    assert plan.hosts == ("postgres", "region1", "region2", "rack1", "rack2", "rack3", "rack4")
    assert plan.networks == ("management", "vlan1", "vlan2", "vlan3", "vlan4")
    assert [racks_on_vlan(vlan, racks=4, vlans=4) for vlan in (1, 2, 3, 4)] == [
        [1, 2, 3],
        [2, 3, 4],
        [1, 3, 4],
        [1, 2, 4],
    ]
    assert {cable.name: cable.address for cable in plan.cables_of("rack3")} == {
        "rack3:management": "10.77.0.103/24",
        "rack3:vlan1": "10.101.0.4/24",
        "rack3:vlan2": "10.102.0.4/24",
        "rack3:vlan3": "10.103.0.4/24",
    }
    assert [cable.address for cable in plan.cables_of("region2")] == ["10.77.0.12/24"]


@given(sizes)
def test_every_vlan_has_racks_to_choose_from_and_every_rack_a_vlan(size):
    plan = plan_network(**size)
    on_vlan = [cable for cable in plan.cables if cable.network != MANAGEMENT]
    for vlan in range(1, size["vlans"] + 1):
        hosts = {cable.host for cable in on_vlan if cable.network == f"vlan{vlan}"}
        assert len(hosts) >= min(3, size["racks"])
    if size["vlans"]:
        assert {cable.host for cable in on_vlan} == set(plan.hosts[1 + size["region_hosts"] :])


@given(sizes)
def test_every_host_is_managed_and_no_name_or_address_is_given_twice(size):
    plan = plan_network(**size)
    assert {cable.host for cable in plan.cables if cable.network == MANAGEMENT} == set(plan.hosts)
    for part in ("name", "address", "switch_port"):
        assert len({getattr(cable, part) for cable in plan.cables}) == len(plan.cables)
    for cable in plan.cables:
        assert len(cable.switch_port) <= 15
        assert len(cable.network) <= 15
    networks = {
        network: {ipaddress.ip_interface(cable.address).network for cable in cables}
        for network, cables in itertools.groupby(plan.cables, key=lambda cable: cable.network)
    }
    found = list(itertools.chain.from_iterable(networks.values()))
    assert len(found) == len(networks) == len(set(found))


@pytest.mark.parametrize("size", [{"region_hosts": 90}, {"racks": 151}, {"vlans": 100}])
def test_a_network_that_has_no_addresses_left_is_refused(size):
    with pytest.raises(LabRefused, match="at most"):
        plan_network(**({"region_hosts": 2, "racks": 4, "vlans": 4} | size))


def test_only_the_management_cable_cuts_a_host_off():
    plan = plan_network(region_hosts=1, racks=2, vlans=1)
    assert plan.cut_off(frozenset({"rack1:vlan1", "region1:management"})) == {"region1"}
    assert plan.cut_off(frozenset()) == frozenset()


def test_every_cable_is_seen_up_or_down():
    plan = plan_network(region_hosts=1, racks=1, vlans=1)
    seen = {cable.cable: cable.up for cable in cables_seen(plan, {"rack1:vlan1"})}
    assert seen == {
        "postgres:management": True,
        "region1:management": True,
        "rack1:management": True,
        "rack1:vlan1": False,
    }
    assert cables_seen(None, []) == []
