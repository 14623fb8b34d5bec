"""What the inventory must fulfil: each rule finds its breach, names it, and nothing else."""

import pytest

from evenrack.model.network import Range
from evenrack.model.network_rules import MOST_RANGE_ADDRESSES, problems_of
from evenrack.model.reservation_rules import MOST_OTHER_CARDS
from tests.model.small_vlans import MAC, between, ip, kept, on_vlan, subnet, vlan, with_ranges

OTHER_MAC = "52:54:00:12:34:57"
MANY_MACS = tuple(f"52:54:00:00:01:{n:02x}" for n in range(MOST_OTHER_CARDS))


def with_reservations(*reservations, **more):
    return on_vlan(subnet(reservations=reservations, **more))


GOOD = [
    vlan(
        1,
        dhcp_on=True,
        subnets=(
            subnet(
                1,
                gateway=ip("10.0.0.1"),
                dns_servers=(ip("192.0.2.1"), ip("127.0.0.53")),
                ntp_servers=(ip("192.0.2.2"),),
                domain="a-b.example.com",
                search_domains=("a" * 61, "a" * 62, "b.example.com", "c" * 63, "d" * 46),
                allow_unknown=False,
                reserved_ranges=(
                    between("10.0.0.1", "10.0.0.1", 3, reserved=True),
                    between("10.0.0.200", "10.0.0.254", 4, reserved=True),
                ),
                ranges=(between("10.0.0.100", "10.0.0.199"), between("10.0.0.2", "10.0.0.2", 2)),
                reservations=(
                    kept("10.0.0.3"),
                    kept("10.0.0.254", OTHER_MAC, 2, hostname="ö"),
                    kept("10.0.0.200", "52:54:00:00:00:00", 5, other_macs=MANY_MACS),
                ),
            ),
            subnet(2, "10.0.1.0/30", reservations=(kept("10.0.1.1", "52:54:00:12:34:58", 3),)),
        ),
    ),
    vlan(2, vid=None, subnets=(subnet(3, "11.0.0.0/8", reservations=(kept("11.0.0.1", MAC, 4),)),)),
    vlan(3, vid=None),
    vlan(4, vid=1, fabric="other"),
    vlan(5, vid=0),
    vlan(6, vid=4094),
]


def test_what_is_right_has_no_problem():
    assert problems_of(GOOD) == ()
    assert problems_of([]) == ()


BREACHES = {
    "a name with a space": (on_vlan(name="a b"), "vlan", "name", 'vlan "a b": its name must be'),
    "no name": (on_vlan(name=""), "vlan", "name", "1 to 63 letters"),
    "a long name": (on_vlan(name="v" * 64), "vlan", "name", "1 to 63 letters"),
    "a name of digits": (on_vlan(name="12"), "vlan", "name", "name it vlan12"),
    "a name with an end of line": (on_vlan(name="v\n"), "vlan", "name", r'vlan "v\n"'),
    "a fabric with a brace": (on_vlan(fabric="f}"), "vlan", "fabric", "its fabric must be"),
    "a vid that is too high": (on_vlan(vid=4095), "vlan", "vid", "0 to 4094, or none"),
    "a negative vid": (on_vlan(vid=-1), "vlan", "vid", "0 to 4094, or none"),
    "a short prefix": (on_vlan(subnet(cidr="10.0.0.0/7")), "subnet", "cidr", "must be 8 to 30"),
    "a long prefix": (on_vlan(subnet(cidr="10.0.0.0/31")), "subnet", "cidr", "must be 8 to 30"),
    "multicast": (on_vlan(subnet(cidr="224.0.0.0/24")), "subnet", "cidr", "hosts cannot have"),
    "loopback": (on_vlan(subnet(cidr="127.0.0.0/8")), "subnet", "cidr", "hosts cannot have"),
    "this network": (on_vlan(subnet(cidr="0.0.0.0/8")), "subnet", "cidr", "hosts cannot have"),
    "a gateway outside": (
        on_vlan(subnet(gateway=ip("10.0.1.1"))),
        "subnet",
        "gateway",
        "the gateway 10.0.1.1 is outside the subnet 10.0.0.0/24",
    ),
    "the network as gateway": (
        on_vlan(subnet(gateway=ip("10.0.0.0"))),
        "subnet",
        "gateway",
        "is the network's own address",
    ),
    "the broadcast address as gateway": (
        on_vlan(subnet(gateway=ip("10.0.0.255"))),
        "subnet",
        "gateway",
        "is the broadcast address",
    ),
    "a gateway in a range": (
        with_ranges(between("10.0.0.1", "10.0.0.9"), gateway=ip("10.0.0.5")),
        "subnet",
        "gateway",
        "is inside the range 10.0.0.1-10.0.0.9",
    ),
    "a multicast DNS server": (
        on_vlan(subnet(dns_servers=(ip("224.0.0.1"),))),
        "subnet",
        "dns_servers",
        "224.0.0.1 in dns_servers cannot be a host's address",
    ),
    "too many time servers": (
        on_vlan(subnet(ntp_servers=(ip("192.0.2.1"),) * 64)),
        "subnet",
        "ntp_servers",
        "at most 63 ntp_servers",
    ),
    "a domain with a quote": (
        on_vlan(subnet(domain='x"; }')),
        "subnet",
        "domain",
        r'"x\"; }" is not a domain',
    ),
    "a domain with an empty label": (
        on_vlan(subnet(domain="a..b")),
        "subnet",
        "domain",
        "is not a domain such as example.com",
    ),
    "a long domain": (
        on_vlan(subnet(domain=".".join(["a" * 63] * 4))),
        "subnet",
        "domain",
        "is not a domain",
    ),
    "a search domain with a quote": (
        on_vlan(subnet(search_domains=("example.com", 'x"; }'))),
        "subnet",
        "search_domains",
        r'"x\"; }" in search_domains is not a domain',
    ),
    "an empty search domain": (
        on_vlan(subnet(search_domains=("",))),
        "subnet",
        "search_domains",
        "is not a domain such as example.com",
    ),
    "too many search domains": (
        on_vlan(subnet(search_domains=("a" * 62,) * 4)),
        "subnet",
        "search_domains",
        "more than the 255 bytes",
    ),
    "a range backwards": (
        with_ranges(between("10.0.0.9", "10.0.0.8")),
        "range",
        "last",
        "range 10.0.0.9-10.0.0.8: it ends before it begins",
    ),
    "a range that leaves its subnet": (
        with_ranges(between("10.0.0.9", "10.0.1.8")),
        "range",
        "last",
        "10.0.1.8 is outside the subnet",
    ),
    "a range from the network's address": (
        with_ranges(between("10.0.0.0", "10.0.0.8")),
        "range",
        "first",
        "choose its first address in it",
    ),
    "a range of too many addresses": (
        with_ranges(
            Range(id=1, first=ip("10.0.0.1"), last=ip("10.0.0.1") + MOST_RANGE_ADDRESSES),
            cidr="10.0.0.0/8",
        ),
        "range",
        "last",
        "at most 1048576 addresses",
    ),
    "ranges that share one address": (
        with_ranges(between("10.0.0.5", "10.0.0.9", 2), between("10.0.0.1", "10.0.0.5")),
        "range",
        "last",
        "range 10.0.0.5-10.0.0.9: it overlaps 10.0.0.1-10.0.0.5",
    ),
    "a range in a reserved one": (
        on_vlan(
            subnet(
                ranges=(between("10.0.0.5", "10.0.0.9"),),
                reserved_ranges=(between("10.0.0.1", "10.0.0.20", 2, reserved=True),),
            )
        ),
        "range",
        "first",
        "range 10.0.0.5-10.0.0.9: it overlaps 10.0.0.1-10.0.0.20",
    ),
    "a reserved range that leaves its subnet": (
        on_vlan(subnet(reserved_ranges=(between("10.0.0.9", "10.0.1.8", reserved=True),))),
        "range",
        "last",
        "10.0.1.8 is outside the subnet",
    ),
    "a card that is none": (
        with_reservations(kept("10.0.0.3", "nonsense")),
        "reservation",
        "mac",
        "is not six pairs",
    ),
    "a card in capital letters": (
        with_reservations(kept("10.0.0.3", "52:54:00:12:34:5A")),
        "reservation",
        "mac",
        "is not six pairs",
    ),
    "a group's card": (
        with_reservations(kept("10.0.0.3", "01:00:5e:00:00:01")),
        "reservation",
        "mac",
        "is a group's address",
    ),
    "nobody's card": (
        with_reservations(kept("10.0.0.3", "00:00:00:00:00:00")),
        "reservation",
        "mac",
        "belongs to no card",
    ),
    "a reserved address outside": (
        with_reservations(kept("10.0.1.3")),
        "reservation",
        "address",
        "is outside the subnet",
    ),
    "a reserved broadcast address": (
        with_reservations(kept("10.0.0.255")),
        "reservation",
        "address",
        "is the broadcast address",
    ),
    "the gateway's address": (
        with_reservations(kept("10.0.0.1"), gateway=ip("10.0.0.1")),
        "reservation",
        "address",
        "the address is the gateway's of 10.0.0.0/24",
    ),
    "an address that is kept twice": (
        with_reservations(kept("10.0.0.3"), kept("10.0.0.3", OTHER_MAC, 2)),
        "reservation",
        "address",
        f"is kept for {MAC} already",
    ),
    "a card with two addresses": (
        with_reservations(kept("10.0.0.3"), kept("10.0.0.4", MAC, 2)),
        "reservation",
        "mac",
        f'the card "{MAC}" has 10.0.0.3 on VLAN "vlan1" already',
    ),
    "a card with two addresses, once as another card": (
        with_reservations(
            kept("10.0.0.3", other_macs=(OTHER_MAC,)), kept("10.0.0.4", OTHER_MAC, 2)
        ),
        "reservation",
        "other_macs",
        f'the card "{OTHER_MAC}" has 10.0.0.3 on VLAN "vlan1" already; take it away',
    ),
    "a card that is named twice": (
        with_reservations(kept("10.0.0.3", other_macs=(MAC,))),
        "reservation",
        "mac",
        f'it names the card "{MAC}" twice; name each once',
    ),
    "another card that is none": (
        with_reservations(kept("10.0.0.3", other_macs=(OTHER_MAC, "x"))),
        "reservation",
        "other_macs",
        '"x" in other_macs is not six pairs',
    ),
    "too many cards": (
        with_reservations(kept("10.0.0.3", other_macs=(*MANY_MACS, OTHER_MAC))),
        "reservation",
        "other_macs",
        "at most 15 other_macs",
    ),
    "a reserved address in a range": (
        on_vlan(
            subnet(
                ranges=(between("10.0.0.3", "10.0.0.5"),),
                reservations=(
                    kept("10.0.0.2"),
                    kept("10.0.0.5", OTHER_MAC, 2),
                    kept("10.0.0.6", "52:54:00:12:34:58", 3),
                ),
            )
        ),
        "reservation",
        "address",
        "is inside the range 10.0.0.3-10.0.0.5",
    ),
    "a long hostname": (
        with_reservations(kept("10.0.0.3", hostname="ö" * 128)),
        "reservation",
        "hostname",
        "at most 255 bytes in UTF-8",
    ),
    "a hostname with NUL": (
        with_reservations(kept("10.0.0.3", hostname="a\0")),
        "reservation",
        "hostname",
        "without the character NUL",
    ),
    "a hostname with half a letter": (
        with_reservations(kept("10.0.0.3", hostname="\ud800")),
        "reservation",
        "hostname",
        "in UTF-8",
    ),
    "two VLANs of one name": (
        [vlan(1), vlan(2, name="vlan1")],
        "vlan",
        "name",
        'vlan "vlan1": another VLAN has this name (id 1)',
    ),
    "one vid twice": (
        [vlan(1), vlan(2, vid=1)],
        "vlan",
        "vid",
        '"vlan1" has vid 1 on fabric "default"; choose another',
    ),
    "one network on two VLANs": (
        [vlan(1, subnets=(subnet(1),)), vlan(2, subnets=(subnet(2),))],
        "subnet",
        "cidr",
        "it overlaps 10.0.0.0/24",
    ),
    "a network in another": (
        [vlan(1, subnets=(subnet(1, "10.0.0.0/30"),)), vlan(2, subnets=(subnet(2, "10.0.0.0/8"),))],
        "subnet",
        "cidr",
        "subnet 10.0.0.0/30: it overlaps 10.0.0.0/8",
    ),
}


@pytest.mark.parametrize(("vlans", "noun", "field", "said"), BREACHES.values(), ids=BREACHES)
def test_each_breach_of_a_rule_is_the_one_thing_found(vlans, noun, field, said):
    (finding,) = problems_of(vlans)
    assert said in finding.sentence
    assert ";" in finding.sentence or "must be" in finding.sentence, "it names the cure"
    assert field in [place.field for place in finding.places if place.noun == noun]
