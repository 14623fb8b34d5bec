"""Files of leases that real dhcpds wrote: alone and as a pair, in both forms of dates."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.rack.dhcp.lease_file import leases_in
from tests.rack.dhcp.two_racks import CABLE

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(60)]

NETWORKS = (IPv4Network("10.7.0.0/24"),)
AT = 1_795_687_872
"""Thu Nov 26 10:11:12 2026."""

KNOWN = rb"""lease 10.7.0.105 {
  starts 4 2026/11/26 10:11:12;
  ends %s;
  cltt 4 2026/11/26 10:11:12;
  binding state active;
  next binding state expired;
  hardware ethernet 52:54:00:12:34:56;
  uid "\001RT\000\0224V\"}{;";
  set vendor-class-identifier = "d-i \"x\" };";
  client-hostname "h { 'y' }; #z";
}
"""
LEASE = DhcpLease(
    address=IPv4Address("10.7.0.105"),
    state="active",
    mac="52:54:00:12:34:56",
    hostname="h { 'y' }; #z",  # one that cannot be printed dhcpd itself leaves out
    vendor_class='d-i "x" };',
    starts=AT,
    ends=AT + 10 * 365 * 86_400,
    heard=AT,
)


def written(rack):
    return leases_in([rack.files.leases.read_bytes()], NETWORKS)


@pytest.mark.parametrize("form", ["", "db-time-format local;\n"])
@pytest.mark.parametrize("ends", [b"epoch %d" % LEASE.ends, b"never"])
async def test_what_a_dhcpd_knew_is_read_from_the_file_that_it_wrote_anew(racks, form, ends):
    rack = racks[0]
    rack.files.prepare()
    rack.files.leases.write_bytes(KNOWN % ends)
    await rack.program().restart(rack.text("alone", more=form), [CABLE])
    text = rack.files.leases.read_bytes()
    assert b"written by isc-dhcp" in text, "it wrote the file anew"
    assert (b"epoch" in text) == bool(form)
    never = ends == b"never"
    wanted = evolve(LEASE, ends=None, never_ends=True) if never else LEASE
    assert written(rack)[LEASE.address] == wanted


async def test_both_files_of_a_pair_tell_whose_each_free_address_is(racks):
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
    states = set()
    while states != {"free", "backup"}:
        await deferLater(reactor, 0.1)
        states = {lease.state for rack in racks for lease in written(rack).values()}
        assert states <= {"free", "backup"}
