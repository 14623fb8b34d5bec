"""What the inventory must fulfil: each rule finds its breach, names it, and nothing else."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.findings import shown
from evenrack.model.network import Range, Reservation, Subnet, Vlan, VlanSettings
from evenrack.model.network_rules import (
    MOST_RANGE_ADDRESSES,
    OPTIONAL_LIMITS,
    SETTING_LIMITS,
    problems_of,
)
from evenrack.model.reservation_rules import MOST_OTHER_CARDS, mac_from_text

MAC = "52:54:00:12:34:56"
OTHER_MAC = "52:54:00:12:34:57"
MANY_MACS = tuple(f"52:54:00:00:01:{n:02x}" for n in range(MOST_OTHER_CARDS))


def ip(text):
    return IPv4Address(text)


def vlan(number=1, **more):
    return Vlan(id=number, **{"name": f"vlan{number}", "vid": number, **more})


def subnet(number=1, cidr="10.0.0.0/24", **more):
    return Subnet(id=number, cidr=IPv4Network(cidr), **more)


def between(first, last, number=1, **more):
    return Range(id=number, first=ip(first), last=ip(last), **more)


def kept(address, mac=MAC, number=1, **more):
    return Reservation(id=number, mac=mac, address=ip(address), **more)


def on_vlan(*subnets, **more):
    return [vlan(subnets=subnets, **more)]


def with_ranges(*ranges, **more):
    return on_vlan(subnet(ranges=ranges, **more))


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


@pytest.mark.parametrize(("setting", "limits"), SETTING_LIMITS.items())
def test_settings_are_held_to_their_limits(setting, limits):
    least, most = limits
    for value in (least, most, getattr(VlanSettings(), setting)):
        assert problems_of([vlan(settings=VlanSettings(**{setting: value}))]) == ()
    for value in (least - 1, most + 1):
        (finding,) = problems_of([vlan(settings=VlanSettings(**{setting: value}))])
        assert finding.field_of("vlan", 1) == setting
        assert f"{setting} must be {least} to {most}" in finding.sentence


@pytest.mark.parametrize(("setting", "limits"), OPTIONAL_LIMITS.items())
def test_settings_that_may_be_none_are_held_to_their_limits_too(setting, limits):
    least, most = limits
    wide = {"min_lease_seconds": least, "max_lease_seconds": most}
    for value in (least, most, None):
        usual = value if setting in wide and value else 600
        settings = VlanSettings(**{**wide, "lease_seconds": usual, setting: value})
        assert problems_of([vlan(settings=settings)]) == ()
    for value in (least - 1, most + 1):
        found = problems_of([vlan(settings=VlanSettings(**{setting: value}))])
        assert f"{setting} must be {least} to {most}" in found[0].sentence
        assert found[0].field_of("vlan", 1) == setting


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"min_lease_seconds": 601}, "min_lease_seconds", "601 must not be more than"),
        ({"max_lease_seconds": 599}, "max_lease_seconds", "599 must not be less than"),
        ({"lease_seconds": 60, "max_lease_seconds": 90, "min_lease_seconds": 60}, None, ""),
    ],
)
def test_the_usual_time_of_a_lease_is_between_its_least_and_its_most(settings, field, said):
    found = problems_of([vlan(settings=VlanSettings(**settings))])
    assert [finding.field_of("vlan", 1) for finding in found] == ([field] if field else [])
    assert all(f"{said} lease_seconds 600; change one" in each.sentence for each in found)


def test_every_problem_is_found_at_once():
    wrong = vlan(
        name="",
        vid=9999,
        settings=VlanSettings(split=257, mclt=1),
        subnets=(
            subnet(
                gateway=ip("10.9.0.1"),
                domain="-",
                ranges=(between("10.0.0.9", "10.0.0.1"),),
                reservations=(kept("10.8.0.1", "no"),),
            ),
        ),
    )
    found = problems_of([wrong])
    assert [finding.places[0].field for finding in found] == [
        *("name", "vid", "mclt", "split", "domain", "gateway", "last", "mac", "address"),
    ]


def test_a_finding_is_about_each_object_that_could_mend_it_and_no_other():
    vlans = with_ranges(between("10.0.0.1", "10.0.0.5"), between("10.0.0.5", "10.0.0.9", 2))
    (finding,) = problems_of(vlans)
    assert (finding.field_of("range", 2), finding.field_of("range", 1)) == ("first", "last")
    assert finding.field_of("range", 3) is None
    assert finding.field_of("subnet", 1) is None


def test_one_card_on_two_vlans_is_no_problem_but_on_two_subnets_of_one_vlan_is():
    first = subnet(1, reservations=(kept("10.0.0.3"),))
    second = subnet(2, "10.1.0.0/24", reservations=(kept("10.1.0.3", MAC, 2),))
    assert problems_of([vlan(1, subnets=(first,)), vlan(2, subnets=(second,))]) == ()
    (finding,) = problems_of([vlan(1, subnets=(first, second))])
    assert finding.field_of("subnet", 2) == "vlan"


@given(st.binary(min_size=6, max_size=6), st.sampled_from(":-"), st.booleans())
def test_a_card_s_address_is_read_in_every_usual_form_or_refused(octets, separator, capitals):
    text = octets.hex(separator)
    text = text.upper() if capitals else text
    if octets[0] & 1 or not any(octets):
        with pytest.raises(ValueError, match="card"):
            mac_from_text(text)
    else:
        assert mac_from_text(f" {text}") == octets.hex(":")
        assert mac_from_text(octets.hex(":")) == octets.hex(":")


@pytest.mark.parametrize("text", ["", "52:54", "52-54:00-12:34-56", "5254.0012.3456", "g" * 17])
def test_what_is_no_card_s_address_is_refused(text):
    with pytest.raises(ValueError, match="is not six pairs of hexadecimal digits"):
        mac_from_text(text)


def test_texts_from_outside_are_quoted_and_short():
    assert shown('a"\n') == r'"a\"\n"'
    assert len(shown("x" * 10_000)) < 50


# Properties: small worlds in which everything may be wrong

ADDRESSES = st.integers(0, 17).map(lambda n: ip("10.0.0.0") + n)
RANGES = st.lists(st.tuples(ADDRESSES, ADDRESSES), max_size=4)
RESERVATIONS = st.lists(st.tuples(st.sampled_from("024"), ADDRESSES), max_size=4)


@st.composite
def small_subnets(draw):
    return subnet(
        1,
        "10.0.0.0/28",
        gateway=draw(st.none() | ADDRESSES),
        ranges=tuple(
            Range(id=number, first=first, last=last)
            for number, (first, last) in enumerate(draw(RANGES), 1)
        ),
        reservations=tuple(
            kept(str(address), f"5{digit}:54:00:12:34:56", number)
            for number, (digit, address) in enumerate(draw(RESERVATIONS), 1)
        ),
    )


def is_right(it):
    """The rules again, address by address."""
    given_out = [
        ip("10.0.0.0") + n
        for each in it.ranges
        for n in range(
            int(each.first) - int(ip("10.0.0.0")), int(each.last) + 1 - int(ip("10.0.0.0"))
        )
    ]
    single = [each.address for each in it.reservations]
    single += [it.gateway] if it.gateway else []
    hosts = set(it.cidr.hosts())
    macs = [each.mac for each in it.reservations]
    return (
        all(each.first <= each.last for each in it.ranges)
        and set(given_out) <= hosts
        and set(single) <= hosts
        and len(set(given_out + single)) == len(given_out + single)
        and len(set(macs)) == len(macs)
    )


@given(small_subnets())
def test_there_is_a_finding_exactly_when_an_address_is_used_twice_or_wrongly(it):
    assert (problems_of(on_vlan(it)) == ()) == is_right(it)


@given(small_subnets())
def test_taking_everything_away_that_findings_are_about_leaves_none(it):
    found = problems_of(on_vlan(it))
    gone = {(place.noun, place.id) for each in found for place in each.places}
    mended = evolve(
        it,
        gateway=None,
        ranges=tuple(each for each in it.ranges if ("range", each.id) not in gone),
        reservations=tuple(
            each for each in it.reservations if ("reservation", each.id) not in gone
        ),
    )
    assert problems_of(on_vlan(mended)) == ()


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(24, 30)), max_size=8))
def test_subnets_that_overlap_are_each_found(networks):
    subnets = [
        subnet(number, str(IPv4Network((int(ip("10.0.0.0")) + 16 * n, prefix), strict=False)))
        for number, (n, prefix) in enumerate(networks, 1)
    ]
    found = problems_of(on_vlan(*subnets))
    for each in subnets:
        overlaps = any(each.cidr.overlaps(other.cidr) for other in subnets if other is not each)
        named = any(finding.field_of("subnet", each.id) == "cidr" for finding in found)
        assert named == overlaps
