"""Hypothesis strategies for what racks say of themselves, and for whole plans."""

from ipaddress import IPv4Interface
from typing import get_args

from hypothesis import strategies as st

from evenrack.model.dhcp_plan import Role
from evenrack.model.dhcp_report import DhcpReport, SideState, VlanError, VlanReport
from evenrack.model.identifiers import VlanId
from evenrack.model.interface_list import Interface
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
dhcp_reports = st.builds(
    DhcpReport,
    applied=tokens,
    waiting=tokens,
    running=st.booleans(),
    vlans=st.lists(
        st.builds(
            VlanReport,
            vlan=vlan_ids,
            number=any_fleet_numbers,
            role=st.sampled_from(get_args(Role)),
            peer=st.none() | rack_ids,
            state=st.sampled_from(get_args(SideState)),
        ),
        max_size=3,
    ).map(tuple),
    errors=st.lists(st.builds(VlanError, vlan=vlan_ids, error=st.text(max_size=9)), max_size=2).map(
        tuple
    ),
)
rack_plans = st.builds(
    RackPlan, rack=rack_ids, number=any_fleet_numbers, managed_by=process_ids, dhcp=dhcp_plans()
)
