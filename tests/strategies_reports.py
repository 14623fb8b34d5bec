"""Hypothesis strategies for what racks say of themselves, and for whole plans."""

from ipaddress import IPv4Address, IPv4Interface
from typing import get_args

from attrs import evolve
from hypothesis import strategies as st

from evenrack.model.bmc_host import HostName
from evenrack.model.dhcp_plan import Role
from evenrack.model.dhcp_probe import Found, ProbeAnswer
from evenrack.model.dhcp_report import (
    AddressCount,
    DhcpReport,
    Ipv6Addresses,
    Ipv6Side,
    RelayedAddresses,
    SideState,
    VlanError,
    VlanReport,
)
from evenrack.model.identifiers import BmcId, OrderId, VlanId
from evenrack.model.interface_list import Interface
from evenrack.model.power import (
    BOOTS,
    PHASES,
    BmcAccess,
    BmcTarget,
    BootDevice,
    Phase,
    PowerAction,
    PowerOrder,
    PowerOutcome,
    PowerState,
)
from evenrack.model.rack_plan import RackPlan
from tests.strategies import any_fleet_numbers, process_ids, rack_ids, tokens
from tests.strategies_dhcp import dhcp_plans

vlan_ids = st.integers(1, 9).map(VlanId)
interfaces = st.builds(
    Interface,
    name=st.sampled_from(["eth0", "vlan1", "a" * 15, "\u00e9th"]),
    address=st.tuples(st.integers(1, 2**32 - 2), st.integers(1, 32)).map(IPv4Interface),
)
interface_lists = st.lists(interfaces, max_size=4).map(tuple)
address_counts = st.builds(
    lambda taken, free, backup: AddressCount(total=taken + free + backup, free=free, backup=backup),
    *[st.integers(0, 300)] * 3,
)
relayed_counts = st.lists(
    st.builds(RelayedAddresses, vlan=vlan_ids, addresses=address_counts),
    max_size=2,
    unique_by=lambda it: it.vlan,
).map(tuple)


ipv6_counts = st.builds(
    lambda vlan, taken, free: Ipv6Addresses(vlan=vlan, total=taken + free, free=free),
    vlan_ids,
    st.integers(0, 300),
    st.integers(0, 2**127),
)


def with_counts(side, counts, of_ipv6):
    """A side that relays those VLANs, and says what is left of them."""
    relayed = tuple(it.vlan for it in counts)
    ipv6 = Ipv6Side(half="lower", addresses=tuple(evolve(of_ipv6, vlan=it) for it in relayed))
    return evolve(side, relayed=relayed, relayed_addresses=counts, ipv6=ipv6)


vlan_reports = st.builds(
    VlanReport,
    vlan=vlan_ids,
    number=any_fleet_numbers,
    role=st.sampled_from(get_args(Role)),
    peer=st.none() | rack_ids,
    state=st.sampled_from(get_args(SideState)),
    relayed=st.lists(vlan_ids, max_size=2).map(tuple),
)
dhcp_reports = st.builds(
    DhcpReport,
    applied=tokens,
    waiting=tokens,
    running=st.booleans(),
    vlans=st.lists(
        vlan_reports | st.builds(with_counts, vlan_reports, relayed_counts, ipv6_counts), max_size=3
    ).map(tuple),
    errors=st.lists(st.builds(VlanError, vlan=vlan_ids, error=st.text(max_size=9)), max_size=2).map(
        tuple
    ),
)
bmc_ids = st.integers(1, 99).map(BmcId)
bmc_lists = st.lists(bmc_ids, max_size=5, unique=True).map(tuple)
addresses = st.integers(1, 2**32 - 2).map(IPv4Address)
bmc_hosts = addresses | st.ip_addresses(v=6) | st.just(HostName("bmc1.example.com"))
ports = st.integers(1, 65535)
rack_plans = st.builds(
    RackPlan,
    rack=rack_ids,
    number=any_fleet_numbers,
    managed_by=process_ids,
    dhcp=dhcp_plans(),
    bmcs=st.lists(st.builds(BmcTarget, bmc=bmc_ids, address=bmc_hosts, port=ports), max_size=3).map(
        tuple
    ),
)
phases = st.sampled_from(get_args(Phase))
shown = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=16)
accesses = st.builds(
    BmcAccess,
    address=bmc_hosts,
    port=ports,
    user=shown,
    password=shown,
    cipher_suite=st.sampled_from([None, 3, 17]),
)


@st.composite
def orders(draw):
    """A power order in a phase that its action has."""
    action = draw(st.sampled_from(get_args(PowerAction)))
    return PowerOrder(
        id=draw(st.integers(1, 2**40).map(OrderId)),
        attempt=draw(st.integers(0, 99)),
        bmc=draw(bmc_ids),
        access=draw(accesses),
        action=action,
        phase=draw(st.sampled_from(PHASES[action])),
        seconds_left=draw(st.floats(-100, 100)),
        unrecorded=draw(st.booleans()),
        boot=draw(st.sampled_from([*get_args(BootDevice), None])) if action in BOOTS else None,
    )


power_orders = orders()
probe_answers = st.builds(
    ProbeAnswer,
    address=addresses,
    found=st.sampled_from(get_args(Found)),
    why=st.text(max_size=20),
)
power_outcomes = st.builds(
    PowerOutcome,
    result=st.sampled_from(["ok", "failed", "unknown"]),
    state=st.sampled_from(get_args(PowerState)),
    error=st.text(max_size=20),
    retryable=st.booleans(),
    sent=st.booleans(),
)
