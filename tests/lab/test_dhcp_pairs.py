"""What the drill reads in the lease files of a pair, as dhcpd 4.4.3 writes them."""

import pytest

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp_pairs import noted_state, refuse_not_normal, was_told_of

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


def test_p12_a_lease_that_a_server_gave_itself_is_none_that_it_was_told_of():
    told, own = STATE % "normal" + LEASE % FROM_PEER, STATE % "normal" + LEASE % ""
    assert was_told_of(told, "10.101.0.121")
    assert not was_told_of(own, "10.101.0.121")
    assert not was_told_of(told + own, "10.101.0.121")
    assert not was_told_of(told, "10.101.0.122")
