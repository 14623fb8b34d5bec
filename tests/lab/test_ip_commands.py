"""What `ip` is told, for a lab so small that all of it can be read."""

import json

from evenrack.lab.network.ip_commands import (
    build_switch,
    make_namespaces,
    read_cables_down,
    set_cables,
    set_up_host,
)
from evenrack.lab.network.plan import plan_network

PLAN = plan_network(region_hosts=1, racks=1, vlans=1, clients=1, bmcs=0)


def test_the_switch_and_every_host_is_a_namespace():
    assert make_namespaces(PLAN).splitlines() == [
        "netns add switch",
        "netns add postgres",
        "netns add region1",
        "netns add rack1",
        "netns add client1",
    ]


def test_the_switch_has_a_bridge_for_each_network_and_a_port_for_each_cable():
    assert build_switch(PLAN).splitlines() == [
        "link add name management type bridge forward_delay 0",
        "link add name vlan1 type bridge forward_delay 0",
        "link set management up",
        "link set vlan1 up",
        "link add name postgres-mgmt type veth peer name management netns postgres",
        "link set postgres-mgmt master management up",
        "link add name region1-mgmt type veth peer name management netns region1",
        "link set region1-mgmt master management up",
        "link add name rack1-mgmt type veth peer name management netns rack1",
        "link set rack1-mgmt master management up",
        "link add name rack1-vlan1 type veth peer name vlan1 netns rack1",
        "link set rack1-vlan1 master vlan1 up",
        "link add name client1-vlan1 type veth peer name vlan1 netns client1",
        "link set client1-vlan1 master vlan1 up",
    ]


def test_a_host_has_an_address_on_each_cable():
    assert set_up_host(PLAN, "rack1").splitlines() == [
        "link set lo up",
        "addr add 10.77.0.101/24 brd + dev management",
        "link set management up",
        "addr add 10.101.0.2/24 brd + dev vlan1",
        "link set vlan1 up",
    ]


def test_the_host_of_the_bmcs_has_all_of_their_addresses():
    plan = plan_network(region_hosts=1, racks=1, vlans=0, clients=0, bmcs=2)
    assert set_up_host(plan, "bmcs").splitlines() == [
        "link set lo up",
        "addr add 10.78.0.1/24 brd + dev bmc",
        "addr add 10.78.0.2/24 brd + dev bmc",
        "link set bmc up",
    ]


def test_a_client_has_no_address_until_it_gets_one():
    assert set_up_host(PLAN, "client1").splitlines() == ["link set lo up", "link set vlan1 up"]


def test_cables_are_cut_and_mended_in_the_switch():
    cables = PLAN.cables_of("rack1")
    assert set_cables(cables, up=False) == "link set rack1-mgmt down\nlink set rack1-vlan1 down\n"
    assert set_cables(cables[:1], up=True) == "link set rack1-mgmt up\n"


def test_a_cable_whose_port_is_not_up_is_down():
    ports = [
        {"ifname": "postgres-mgmt", "flags": ["BROADCAST", "UP", "LOWER_UP"]},
        {"ifname": "region1-mgmt", "flags": ["BROADCAST"]},
        {"ifname": "rack1-mgmt", "flags": ["NO-CARRIER", "UP"]},
    ]
    down = read_cables_down(json.dumps(ports), PLAN)
    assert down == {"region1:management", "rack1:vlan1", "client1:vlan1"}
