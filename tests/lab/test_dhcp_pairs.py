"""What the drill reads in the lease files of a pair, as dhcpd 4.4.3 writes them."""

from ipaddress import IPv4Network

import pytest

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_pairs import noted_state, refuse_not_normal, was_told_of
from evenrack.lab.drill.dhcp.lease_files import backup_addresses, held_leases

STATE = """
failover peer "failover-vlan-1" state {
  my state %s at 3 2026/11/25 06:39:05;
  partner state normal at 3 2026/11/25 06:39:05;
  mclt 3600;
}
"""
LEASE = """\
lease 10.101.0.121 {
  starts 3 2026/11/25 06:39:19;
  ends 3 2026/11/25 06:49:19;
  tstp 3 2026/11/25 06:54:55;
%s  cltt 3 2026/11/25 06:39:19;
  binding state active;
  next binding state expired;
  hardware ethernet 0e:5b:45:1f:b1:86;
}
"""
FROM_PEER = "  tsfp 3 2026/11/25 06:54:55;\n  atsfp 3 2026/11/25 06:54:55;\n"


def test_p14_a_server_is_in_the_state_that_it_noted_last():
    leases = STATE % "recover" + LEASE % "" + STATE % "communications-interrupted"
    assert noted_state(leases, "failover-vlan-1") == "communications-interrupted"
    assert noted_state(leases, "failover-vlan-2") == "unknown"


def test_p14_a_side_that_is_not_normal_fails():
    refuse_not_normal("vlan1", "rack1", "normal")
    with pytest.raises(CheckFailed, match="vlan1: rack1 is recover, not normal"):
        refuse_not_normal("vlan1", "rack1", "recover")


def test_m12_who_has_an_address_is_in_its_last_entry():
    free = LEASE.replace("binding state active", "binding state free") % ""
    other = (LEASE % "").replace("0e:5b", "0e:5c")
    holder = {"10.101.0.121": "0e:5b:45:1f:b1:86"}
    assert held_leases(STATE % "normal" + LEASE % FROM_PEER) == holder
    assert held_leases(other + LEASE % "") == holder
    assert held_leases(LEASE % "" + free) == {}
    assert held_leases(LEASE.replace("  hardware ethernet 0e:5b:45:1f:b1:86;\n", "") % "") == {}


def test_m15_a_secondary_has_what_is_a_backup_address_in_its_last_entry():
    backup = LEASE.replace("binding state active", "binding state backup") % ""
    subnet, other = IPv4Network("10.101.0.0/24"), IPv4Network("10.102.0.0/24")
    assert backup_addresses(LEASE % "" + backup, subnet) == 1
    assert backup_addresses(LEASE % "" + backup, other) == 0
    assert backup_addresses(backup + LEASE % "", subnet) == 0


def test_p12_a_lease_that_a_server_gave_itself_is_none_that_it_was_told_of():
    told, own = STATE % "normal" + LEASE % FROM_PEER, STATE % "normal" + LEASE % ""
    assert was_told_of(told, "10.101.0.121")
    assert not was_told_of(own, "10.101.0.121")
    assert not was_told_of(told + own, "10.101.0.121")
    assert not was_told_of(told, "10.101.0.122")
