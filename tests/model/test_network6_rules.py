"""What IPv6 networks must fulfil: each rule finds its breach, names it, and nothing else."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network

import pytest
from attrs import evolve

from evenrack.model.network import Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.network6_rules import duid_from_text, newly_unheard
from evenrack.model.network_rules import problems_of

MAC = "52:54:00:12:34:56"
DUID = f"00:01:00:01:2a:2b:2c:2d:{MAC}"
OTHER_DUID = "00:02:00:00:ab:11:01"


def subnet(number=1, cidr="fd00:1::/64", **more):
    return Subnet6(id=number, cidr=IPv6Network(cidr), **more)


def between(first, last, number=1, **more):
    return Range6(id=number, first=IPv6Address(first), last=IPv6Address(last), **more)


def kept(address, number=1, **more):
    return Reservation6(id=number, address=IPv6Address(address), **(more or {"mac": MAC}))


def vlan(*subnets, ipv4=True, **more):
    nets = (Subnet(id=100, cidr=IPv4Network("10.0.0.0/24")),) if ipv4 else ()
    return Vlan(id=1, name="vlan1", subnets=nets, subnets6=subnets, **more)


def with_ranges(*ranges, **more):
    return vlan(subnet(ranges=ranges, **more))


def with_hosts(*hosts, **more):
    return vlan(subnet(hosts=hosts, **more))


WHOLE = vlan(
    subnet(
        dns_servers=(IPv6Address("fd00:1::53"), IPv6Address("2001:db8::53")),
        search_domains=("example.com",),
        ranges=(between("fd00:1::100", "fd00:1::1ff", 1), between("fd00:1::300", "fd00:1::300", 2)),
        reserved_ranges=(between("fd00:1::10", "fd00:1::1f", 3, reserved=True),),
        hosts=(
            kept("fd00:1::10", 1),
            kept("fd00:1::20", 2, duid=OTHER_DUID),
            kept("fd00:1::21", 3, duid="00:03:00:01:52:54:00:12:34:57"),
        ),
    ),
    subnet(2, "fd00:2::/64", ranges=(between("fd00:2::1", "fd00:2::ffff:ffff:ffff:ffff", 4),)),
)


def test_what_fulfils_the_rules_is_taken():
    assert problems_of([WHOLE]) == ()
    assert problems_of([Vlan(id=2, name="far", relay_vlan=9, subnets6=(subnet(),))]) == ()


FAR = Vlan(id=2, name="far", relay_vlan=1, dhcp_on=True, subnets6=(subnet(9, "fd00:9::/64"),))


@pytest.mark.parametrize(
    "before",
    [
        [vlan(), evolve(FAR, subnets6=())],
        [vlan(), evolve(FAR, relay_vlan=None)],
        [vlan(), evolve(FAR, relay_vlan=3)],
        [vlan(), evolve(FAR, dhcp_on=False)],
        [vlan(), evolve(FAR, relay_vlan=3), Vlan(id=3, name="other")],
    ],
    ids=["its subnet", "its relay", "another relay", "its DHCP", "from one that hears none either"],
)
def test_what_comes_behind_a_relay_that_no_rack_hears_is_found(before):
    assert problems_of([vlan(dhcp_on=True), FAR]) == ()
    (finding,) = newly_unheard(before, [vlan(), FAR])
    assert finding.sentence == (
        'subnet fd00:9::/64: VLAN "vlan1", which relays "far", has no IPv6 subnet, so its '
        "racks do not hear the relay; create one there first (it needs no range)"
    )
    assert (finding.field_of("subnet", 9), finding.field_of("vlan", 2)) == ("vlan", "relay_vlan")


def test_the_last_subnet_by_which_a_relay_is_heard_is_named_when_it_goes():
    (finding,) = newly_unheard([vlan(subnet()), FAR], [vlan(), FAR])
    assert finding.sentence == (
        'subnet fd00:1::/64: it is the last of IPv6 on VLAN "vlan1", whose racks hear by it the '
        'relay of fd00:9::/64 on "far"; turn DHCP of "far" off first, or delete that one'
    )
    assert finding.field_of("subnet", 1) == "vlan"
    (finding,) = newly_unheard(
        [vlan(subnet()), evolve(FAR, subnets6=())], [vlan(), evolve(FAR, subnets6=(subnet(),))]
    )
    assert "create one there first" in finding.sentence


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([vlan(), FAR], [vlan(), evolve(FAR, name="farther")]),
        ([vlan(), FAR], [evolve(vlan(), name="here"), FAR]),
        ([vlan(subnet()), FAR], [vlan(subnet(2, "fd00:2::/64")), FAR]),
        ([vlan(subnet())], [vlan(subnet()), FAR]),
        ([vlan(subnet())], [vlan(), evolve(FAR, dhcp_on=False)]),
        ([], [FAR]),
    ],
    ids=["was so", "was so, other name", "another is left", "heard", "DHCP off", "not there"],
)
def test_a_relay_that_is_heard_or_was_not_before_hinders_no_change(before, after):
    assert list(newly_unheard(before, after)) == []


BREACHES = [
    (vlan(subnet(), ipv4=False), "vlan", "subnet fd00:1::/64: VLAN .* has no IPv4 subnet"),
    (vlan(subnet(cidr="fd00:1::/127")), "cidr", "prefix must be 16 to 126"),
    (vlan(subnet(cidr="fd00::/15")), "cidr", "prefix must be 16 to 126"),
    (vlan(subnet(cidr="fe80::/64")), "cidr", "hosts cannot have addresses there"),
    (vlan(subnet(cidr="ff02::/64")), "cidr", "hosts cannot have addresses there"),
    (
        vlan(subnet(), subnet(2, "fd00:1::8000:0:0:0/65")),
        "cidr",
        "subnet fd00:1:0:0:8000::/65: it overlaps fd00:1::/64",
    ),
    (vlan(subnet(dns_servers=(IPv6Address("ff02::1"),))), "dns_servers", "ff02::1 in dns_servers"),
    (vlan(subnet(ntp_servers=(IPv6Address("fe80::1"),))), "ntp_servers", "fe80::1 in ntp_servers"),
    (
        vlan(subnet(dns_servers=tuple(IPv6Address(f"fd00::{n:x}") for n in range(64)))),
        "dns_servers",
        "at most 63 dns_servers",
    ),
    (vlan(subnet(search_domains=('a"b',))), "search_domains", "is not a domain"),
    (
        vlan(subnet(search_domains=tuple("a" * 60 for _ in range(5)))),
        "search_domains",
        "more than the 255 bytes",
    ),
    (with_ranges(between("fd00:1::9", "fd00:1::8")), "last", "ends before it begins"),
    (with_ranges(between("fd00:1::", "fd00:1::8")), "first", "is that of every router"),
    (with_ranges(between("fd00:1::9", "fd00:2::8")), "last", "is outside the subnet"),
    (
        with_ranges(
            between("fd00:1::1", "fd00:1::8", 1),
            between("fd00:1::3", "fd00:1::4", 2),
            between("fd00:1::9", "fd00:1::9", 3),
        ),
        "first",
        "range fd00:1::3-fd00:1::4: it overlaps fd00:1::1-fd00:1::8",
    ),
    (
        with_ranges(
            between("fd00:1::1", "fd00:1::8"),
            reserved_ranges=(between("fd00:1::8", "fd00:1::9", 2, reserved=True),),
        ),
        "first",
        "overlaps",
    ),
    (with_hosts(kept("fd00:2::8")), "address", "is outside the subnet"),
    (with_hosts(kept("fd00:1::")), "address", "is that of every router"),
    (
        with_hosts(
            kept(
                "fd00:1::5",
            ),
            ranges=(between("fd00:1::4", "fd00:1::6"),),
        ),
        "address",
        "is inside the range fd00:1::4-fd00:1::6",
    ),
    (
        with_hosts(kept("fd00:1::7"), ranges=(between("fd00:1::4", "fd00:1::6"),)),
        None,
        "",
    ),
    (
        with_hosts(kept("fd00:1::5", 1), kept("fd00:1::5", 2, duid=OTHER_DUID)),
        "address",
        "the address is kept for 52:54:00:12:34:56 already",
    ),
    (with_hosts(kept("fd00:1::5", 1, duid=DUID, mac=MAC)), "mac", "by one of the two"),
    (with_hosts(kept("fd00:1::5", 1, duid=None)), "duid", "name the machine by its duid or"),
    (with_hosts(kept("fd00:1::5", 1, duid='00";}')), "duid", "3 to 130 pairs"),
    (with_hosts(kept("fd00:1::5", 1, mac="01:00:00:00:00:01")), "mac", "is a group's address"),
    (
        with_hosts(kept("fd00:1::5", 1, mac=MAC), kept("fd00:1::6", 2, mac=MAC)),
        "mac",
        "has fd00:1::5 on VLAN",
    ),
    (
        with_hosts(kept("fd00:1::5", 1, duid=OTHER_DUID), kept("fd00:1::6", 2, duid=OTHER_DUID)),
        "duid",
        "has fd00:1::5 on VLAN",
    ),
    (
        with_hosts(kept("fd00:1::5", 1, mac=MAC), kept("fd00:1::6", 2, duid=DUID)),
        "duid",
        f"reservation {DUID} fd00:1::6: the machine {MAC} has fd00:1::5",
    ),
]


@pytest.mark.parametrize(("broken", "field", "said"), BREACHES)
def test_each_breach_names_its_object_its_field_and_what_to_do(broken, field, said):
    found = problems_of([broken])
    if field is None:
        assert found == ()
        return
    assert [place.field for place in found[0].places][:1] == [field], found
    assert len(found) == 1
    assert re.search(said, found[0].sentence), found[0].sentence


def test_a_duid_is_read_in_small_letters():
    assert duid_from_text(DUID.upper()) == DUID
    for wrong in ("", "00:01", "00-01-02-03", f" {DUID}", "00:" * 131 + "00", "0g:00:00"):
        with pytest.raises(ValueError, match="is not a DUID of 3 to 130 bytes"):
            duid_from_text(wrong)
