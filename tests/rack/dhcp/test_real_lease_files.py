"""Files of leases that real dhcpds wrote: alone and as a pair, in both forms of dates."""

import re
from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater

from evenrack.model.dhcp_lease import DhcpLease
from evenrack.model.dhcp_report import AddressCount
from evenrack.model.identifiers import VlanId
from evenrack.rack.dhcp.address_tally import AddressTally
from evenrack.rack.dhcp.lease_file import leases_in
from evenrack.rack.dhcp.lease_tail import unshared_in
from evenrack.runtime.spawned import run_spawned
from evenrack.runtime.wall_clock import utc_now
from tests.rack.dhcp.golden_plans import GOLDEN
from tests.rack.dhcp.two_racks import CABLE, RELATION

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

SPANS = {VlanId(1): [(int(IPv4Address("10.7.0.100")), int(IPv4Address("10.7.0.109")))]}
(VENDOR,) = [
    line for line in (GOLDEN / "nothing.conf").read_text().splitlines() if line.startswith("set ")
]
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


async def test_what_one_knew_before_it_was_a_pair_is_shared_when_it_is_normal(racks):
    first = racks[0]
    first.files.prepare()
    now = utc_now()
    ends = b"epoch %d" % (now.timestamp() + 3_600)
    heard = now.strftime("cltt %w %Y/%m/%d %H:%M:%S;").encode()
    first.files.leases.write_bytes(re.sub(rb"cltt [^;]*;", heard, KNOWN % ends))
    assert unshared(first, now) == 1
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
    while unshared(first, now):
        await deferLater(reactor, 0.1)
    assert written(racks[1])[LEASE.address].state == "active"


def unshared(rack, now):
    return unshared_in(rack.files.lease_tail(), {1: NETWORKS}, now.timestamp()).get(1, 0)


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


def tally_of(rack):
    tally = AddressTally(SPANS)
    tally.take(rack.files.leases.read_bytes())
    return tally


def counted(rack):
    return tally_of(rack).counts()[VlanId(1)]


async def test_both_of_a_pair_write_down_the_half_that_is_the_secondarys(racks):
    first = racks[0]
    first.files.prepare()
    first.files.leases.write_bytes(KNOWN % b"never")
    await first.program().restart(first.text("alone"), [CABLE])
    assert counted(first) == AddressCount(total=10, free=9)
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
    for rack in racks:
        while counted(rack).backup == 0:
            await deferLater(reactor, 0.1)
        count = counted(rack)
        assert count.free + count.backup == 9
        assert count.backup in {4, 5}


async def test_both_of_a_pair_write_down_since_when_they_are_in_their_state(racks):
    first, second = racks
    begun = utc_now()
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
        assert is_since(begun, rack, "normal")
    parted = utc_now()
    await second.program().stop()
    await first.until_state("communications-interrupted")
    assert is_since(parted, first, "communications-interrupted")


def is_since(moment, rack, state):
    """Tell whether it wrote down that state, and a second of its own since then."""
    began, now = tally_of(rack).began[RELATION], utc_now().timestamp()
    return began.state == state and int(moment.timestamp()) <= began.at <= now


async def new_client(rack, number, *options):
    """Let a client with this number get a lease, through this rack's end of the cable."""
    identity = ["-V", "", "-x", f"0x3d:0101020304050{number}"]
    command = ["udhcpc", "-f", "-n", "-q", "-i", CABLE, "-s", "/bin/true", *identity, *options]
    ended = await run_spawned(reactor, [*rack.entrance, *command], seconds=30)
    assert ended.code == 0, ended.errors


async def test_a_new_lease_is_told_by_the_one_of_a_pair_that_gave_it_away(racks):
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")
    told, tallies = [], [tally_of(rack) for rack in racks]
    for rack, tally in zip(racks, tallies, strict=True):
        tally.end()
        tally._new = lambda _vlan, entry, name=rack.name: told.append((name, entry.split()[1]))
    seen = [rack.files.leases.stat().st_size for rack in racks]
    for number in range(2):
        await new_client(racks[1], number)
    while not all(sum(it.state == "active" for it in written(r).values()) == 2 for r in racks):
        await deferLater(reactor, 0.1)
    for rack, tally, begin in zip(racks, tallies, seen, strict=True):
        tally.take(rack.files.leases.read_bytes()[begin:])
    assert sorted(address for _, address in told) == sorted(
        str(address).encode() for address, it in written(racks[0]).items() if it.state == "active"
    )


NASTY = (b'd-i "x\\" };\nlease 10.7.0.109 {', b"\0\xff tail", b"PXEClient:Arch:00007")


async def test_the_vendor_class_of_a_client_is_in_the_file_and_a_restart_keeps_it(racks):
    first, second = racks
    text = first.text("alone", more=VENDOR)
    await first.program().restart(text, [CABLE])
    for number, sent in enumerate((None, *NASTY)):
        await new_client(second, number, *([] if sent is None else ["-x", f"0x3c:{sent.hex()}"]))
    found = vendors(first)
    assert found == [None, *(sent.decode(errors="replace") for sent in NASTY)]
    await first.program().restart(text, [CABLE])
    assert vendors(first) == found


def vendors(rack):
    return [lease.vendor_class for _, lease in sorted(written(rack).items())]
