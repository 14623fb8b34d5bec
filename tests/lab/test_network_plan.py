"""The plan of a lab's network: who hangs where, under which address, on which cable."""

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.network.cables import cables_seen
from evenrack.lab.network.plan import (
    BMC_HOST,
    BMC_NETWORK,
    MANAGEMENT,
    plan_network,
    racks_on_vlan,
)
from evenrack.lab.refusals import LabRefused

sizes = st.fixed_dictionaries(
    {
        "region_hosts": st.integers(1, 89),
        "racks": st.integers(0, 150),
        "vlans": st.integers(0, 99),
        "clients": st.integers(0, 99),
        "bmcs": st.integers(0, 99),
    }
).map(lambda size: size if size["vlans"] else {**size, "clients": 0})


def test_the_default_lab_is_a_round_of_racks_with_three_on_each_vlan():
    plan = plan_network(region_hosts=2, racks=4, vlans=4, clients=0, bmcs=0)
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
    on_vlan = [cable for cable in plan.cables if cable.host.startswith("rack")]
    on_vlan = [cable for cable in on_vlan if cable.network in plan.vlans]
    for vlan in range(1, size["vlans"] + 1):
        hosts = {cable.host for cable in on_vlan if cable.network == f"vlan{vlan}"}
        assert len(hosts) >= min(3, size["racks"])
    if size["vlans"]:
        assert len({cable.host for cable in on_vlan}) == size["racks"]


@given(sizes)
def test_every_host_is_managed_and_no_name_or_address_is_given_twice(size):
    plan = plan_network(**size)
    managed = {cable.host for cable in plan.cables if cable.network == MANAGEMENT}
    assert managed == {
        host for host in plan.hosts if not host.startswith("client") and host != BMC_HOST
    }
    with_address = [cable for cable in plan.cables if cable.address is not None]
    assert {cable.address for cable in plan.cables_of("client1")} <= {None}
    assert len(with_address) == len(plan.cables) - size["clients"]
    addresses = [
        address for cable in with_address for address in (cable.address, *cable.more_addresses)
    ]
    assert len(set(addresses)) == len(addresses)
    for part in ("name", "switch_port"):
        assert len({getattr(cable, part) for cable in plan.cables}) == len(plan.cables)
    for cable in plan.cables:
        assert len(cable.switch_port) <= 15
        assert len(cable.network) <= 15
    networks = {
        network: {ipaddress.ip_interface(cable.address).network for cable in cables}
        for network, cables in itertools.groupby(with_address, key=lambda cable: cable.network)
    }
    found = list(itertools.chain.from_iterable(networks.values()))
    assert len(found) == len(networks) == len(set(found))


@pytest.mark.parametrize(
    "size",
    [{"region_hosts": 90}, {"racks": 151}, {"vlans": 100}, {"clients": 100}, {"bmcs": 100}],
)
def test_a_network_that_has_no_addresses_or_names_left_is_refused(size):
    with pytest.raises(LabRefused, match="at most"):
        plan_network(
            **({"region_hosts": 2, "racks": 4, "vlans": 4, "clients": 4, "bmcs": 4} | size)
        )


def test_p11_every_rack_reaches_every_bmc_over_a_network_that_has_nothing_else():
    plan = plan_network(region_hosts=1, racks=2, vlans=1, clients=0, bmcs=3)
    on_it = [cable for cable in plan.cables if cable.network == BMC_NETWORK]
    assert {cable.name: (cable.address, *cable.more_addresses) for cable in on_it} == {
        "rack1:bmc": ("10.78.0.101/24",),
        "rack2:bmc": ("10.78.0.102/24",),
        "bmcs:bmc": ("10.78.0.1/24", "10.78.0.2/24", "10.78.0.3/24"),
    }
    assert plan.vlans == ("vlan1",)
    assert plan.cut_off(frozenset({"rack1:bmc"})) == frozenset()
    assert plan.cut_off(frozenset({"bmcs:bmc"})) == {"bmcs"}


@pytest.mark.parametrize("size", [{"racks": 0, "bmcs": 3}, {"racks": 1, "bmcs": 0}])
def test_without_bmcs_or_without_racks_they_have_no_network(size):
    plan = plan_network(region_hosts=1, vlans=0, clients=0, **size)
    assert (plan.networks, BMC_HOST in plan.hosts) == ((MANAGEMENT,), False)


def test_clients_go_round_the_vlans_and_hang_on_nothing_else():
    plan = plan_network(region_hosts=1, racks=3, vlans=2, clients=3, bmcs=0)
    cables = {host: plan.cables_of(host) for host in plan.hosts if host.startswith("client")}
    names = [cable.name for of_host in cables.values() for cable in of_host]
    assert names == ["client1:vlan1", "client2:vlan2", "client3:vlan1"]


def test_clients_without_a_vlan_to_hang_on_are_refused():
    with pytest.raises(LabRefused, match="--clients 0"):
        plan_network(region_hosts=1, racks=1, vlans=0, clients=1, bmcs=0)


def test_only_the_management_cable_cuts_a_host_off():
    plan = plan_network(region_hosts=1, racks=2, vlans=1, clients=1, bmcs=0)
    assert plan.cut_off(frozenset({"rack1:vlan1", "region1:management"})) == {"region1"}
    assert plan.cut_off(frozenset()) == frozenset()


def test_every_cable_is_seen_up_or_down():
    plan = plan_network(region_hosts=1, racks=1, vlans=1, clients=1, bmcs=0)
    seen = {cable.cable: cable.up for cable in cables_seen(plan, {"rack1:vlan1"})}
    assert seen == {
        "postgres:management": True,
        "region1:management": True,
        "rack1:management": True,
        "rack1:vlan1": False,
        "client1:vlan1": True,
    }
    assert cables_seen(None, []) == []
