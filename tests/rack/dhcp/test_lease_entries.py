"""Hosts and pairs in a lease file, as dhcpd 4.4.3-P1 writes them, are left out of it."""

import pytest

from evenrack.rack.dhcp.lease_entries import without_hosts, without_pairs

BEGINS = (
    b"# The format of this file is documented in dhcpd.leases(5).\nauthoring-byte-order big;\n\n"
)
LEASE = b"""lease 10.5.0.100 {
  starts 0 2026/11/29 08:00:00;
  binding state active;
  client-hostname "\\012host x {";
}
"""
HOSTS = b"""host h-1-52-54-00-00-00-01 {
  dynamic;
  hardware ethernet 52:54:00:00:00:01;
  fixed-address 10.5.0.20;
        supersede host-name = 66:6f:22:
            75:72;
}
host h-2-52-54-00-00-00-02 {
  deleted;
}
"""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (BEGINS + LEASE, BEGINS + LEASE),
        (BEGINS + HOSTS + LEASE + HOSTS, BEGINS + LEASE),
        (b"", b""),
        (BEGINS + HOSTS + HOSTS[:40], BEGINS + HOSTS[:40]),
        (BEGINS + HOSTS[:40] + b"\n" + LEASE, BEGINS + HOSTS[:40] + b"\n" + LEASE),
    ],
    ids=["none", "some", "empty", "cut short", "damaged"],
)
def test_hosts_are_left_out_and_all_else_stays(text, left):
    assert without_hosts(text) == left


PAIR = b"""failover peer "failover-vlan-12" state {
  my state normal at 0 2026/11/29 18:42:03;
  partner state recover-done at 0 2026/11/29 18:42:03;
  mclt 3600;
}

"""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (BEGINS + LEASE, BEGINS + LEASE),
        (BEGINS + PAIR + LEASE + HOSTS + PAIR, BEGINS + b"\n" + LEASE + HOSTS + b"\n"),
        (b"", b""),
        (BEGINS + PAIR[:60], BEGINS + PAIR[:60]),
    ],
    ids=["none", "some", "empty", "cut short"],
)
def test_p20_pairs_are_left_out_and_all_else_stays(text, left):
    assert without_pairs(text) == left
