"""What the real dhcpd tells real clients from our files."""

import json
import sys
from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.model.dhcp_plan import shared_part, vlans_of
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.runtime.child_process import run_program
from tests.rack.dhcp import ask_dhcpd
from tests.rack.dhcp.dhcpd_program import DHCPD, needs_dhcpd
from tests.rack.dhcp.golden_plans import (
    BOOT,
    OMAPI,
    booting,
    service,
    snippet,
    subnet,
    with_other_cards,
    with_snippets,
)
from tests.strategies_dhcp import NASTY_NAMES, as_peer_has_it

ROUTER, DNS_SERVERS, HOSTNAME, DOMAIN, NTP_SERVERS, LEASE_SECONDS = "3", "6", "12", "15", "42", "51"
MTU, VENDOR_CLASS, SEARCH = "26", "60", "119"
TWO_NAMES_FOR_ONE_CARD = ("here", "there")


@pytest.fixture
def offers(own_network, tmp_path):
    """Ask a dhcpd that serves a plan on its first VLAN what it offers to some cards."""

    def ask(plan, *macs):
        (tmp_path / "dhcpd.conf").write_text(dhcpd_conf(plan, OMAPI))
        first = next(vlans_of(plan))
        address = f"{first.address}/{first.vlan.subnets[0].cidr.prefixlen}"
        command = [*own_network, sys.executable, ask_dhcpd.__file__]
        printed = run_program([*command, DHCPD, str(tmp_path), address, *macs], seconds=90)
        return json.loads(printed)

    return ask


def cards(plan):
    return {r.mac: r for it in plan for net in it.vlan.subnets for r in net.reservations}


def addresses(*texts):
    return b"".join(IPv4Address(text).packed for text in texts).hex()


@needs_dhcpd
def test_nasty_hostnames_are_told_byte_for_byte(offers):
    plan = (service(subnet(5, hostnames=NASTY_NAMES), role="alone"),)
    wanted = {mac: (str(r.address), r.hostname) for mac, r in cards(plan).items()}
    told = {
        mac: (offer["address"], bytes.fromhex(offer["options"][HOSTNAME]).decode())
        for mac, offer in offers(plan, *cards(plan)).items()
    }
    assert told == wanted


@needs_dhcpd
def test_a_reserved_card_gets_the_options_of_its_own_subnet(offers):
    plan = (
        service(
            subnet(5, hostnames=("first",)),
            subnet(6, ranges=False, hostnames=("second",)),
            role="alone",
            lease_seconds=1234,
            mtu=8999,
        ),
    )
    told = offers(plan, *cards(plan)).values()
    assert [offer["address"] for offer in told] == ["10.5.0.20", "10.6.0.20"]
    for number, offer in zip((5, 6), told, strict=True):
        options = offer["options"]
        assert options[ROUTER] == addresses(f"10.{number}.0.1")
        assert options[DNS_SERVERS] == addresses("10.0.0.53", "10.0.0.54")
        assert options[NTP_SERVERS] == addresses("10.0.0.124", "10.0.0.123")
        assert bytes.fromhex(options[DOMAIN]).decode() == f"net{number}.example.com"
        assert int(options[LEASE_SECONDS], 16) == 1234
        assert int(options[MTU], 16) == 8999


@needs_dhcpd
def test_a_client_that_asks_for_a_time_gets_it_between_the_least_and_the_most(offers):
    settings = {"lease_seconds": 600, "min_lease_seconds": 120, "max_lease_seconds": 900}
    plan = (service(subnet(5), role="alone", **settings),)
    wished = {None: 600, 60: 120, 300: 300, 7200: 900}
    cards = [
        f"52:54:00:00:00:{number:02x}" + ("" if seconds is None else f"=3304{seconds:08x}")
        for number, seconds in enumerate(wished)
    ]
    told = offers(plan, *cards)
    given = [int(told[card]["options"][LEASE_SECONDS], 16) for card in cards]
    assert given == list(wished.values())


@needs_dhcpd
def test_every_card_of_a_reservation_gets_its_address_and_its_name(offers):
    others = "52:54:00:05:01:00", "52:54:00:05:02:00"
    plan = (service(with_other_cards(subnet(5, hostnames=("m5",)), *others), role="alone"),)
    told = offers(plan, *cards(plan), *others)
    assert len(told) == 3
    for offer in told.values():
        assert offer["address"] == "10.5.0.20"
        assert bytes.fromhex(offer["options"][HOSTNAME]) == b"m5"


@needs_dhcpd
def test_the_domains_to_search_are_told_in_their_order(offers):
    plan = (service(subnet(5, search_domains=("b.example.com", "example.com")), role="alone"),)
    [offer] = offers(plan, "52:54:00:00:00:01").values()
    told = bytes.fromhex(offer["options"][SEARCH])
    assert told == b"\x01b\x07example\x03com\0\xc0\x02"


@needs_dhcpd
def test_where_unknown_cards_are_denied_only_those_with_a_reservation_there_are_served(offers):
    plan = (
        service(subnet(5, hostnames=("here",), allow_unknown=False), role="alone"),
        service(subnet(6, hostnames=("elsewhere",)), role="alone"),
    )
    here, elsewhere = cards(plan)
    stranger = "52:54:00:00:00:01"
    # the first is asked for until there is an answer: so the server is there for the others
    told = offers(plan, here, f"?{stranger}", f"?{elsewhere}")
    assert [offer and offer["address"] for offer in told.values()] == ["10.5.0.20", None, None]


@needs_dhcpd
def test_a_card_reserved_on_another_vlan_gets_the_router_of_the_vlan_where_it_is(offers):
    plan = (
        service(subnet(5), role="alone"),
        service(subnet(6, hostnames=("guest",)), role="alone"),
    )
    [offer] = offers(plan, *cards(plan)).values()
    assert IPv4Address(offer["address"]) in plan[0].vlan.subnets[0].cidr
    assert offer["options"][ROUTER] == addresses("10.5.0.1")
    assert bytes.fromhex(offer["options"][DOMAIN]).decode() == "net5.example.com"


@needs_dhcpd
def test_one_card_reserved_on_two_vlans_gets_on_each_what_is_kept_for_it_there(offers):
    here, there = (
        subnet(number, hostnames=(name,))
        for number, name in zip((5, 6), TWO_NAMES_FOR_ONE_CARD, strict=True)
    )
    [kept] = there.reservations
    there = evolve(there, reservations=(evolve(kept, mac=here.reservations[0].mac),))
    vlans = [service(net, role="alone") for net in (here, there)]
    for plan, name in zip((vlans, vlans[::-1]), TWO_NAMES_FOR_ONE_CARD, strict=True):
        [offer] = offers(tuple(plan), *cards(plan)).values()
        [net] = plan[0].vlan.subnets
        assert offer["address"] == str(net.reservations[0].address)
        assert bytes.fromhex(offer["options"][HOSTNAME]).decode() == name


@needs_dhcpd
def test_snippets_of_every_level_reach_who_they_are_for_and_nobody_else(offers):
    phones = 'class "phones" { match if option vendor-class-identifier = "phone"; %s }'
    plan = (
        shared_part((snippet(1, "global", None, phones % "option interface-mtu 1400;"),)),
        with_snippets(
            service(subnet(5, hostnames=("", "")), role="alone"),
            snippet(2, "vlan", 5, 'option host-name "of the VLAN";'),
            snippet(3, "subnet", 5, 'option domain-name "of-the-subnet";  # wins: it comes later'),
            snippet(4, "pool", 5, 'deny members of "phones";'),
            snippet(5, "host", 501, 'option host-name "of the host";'),
        ),
    )
    first, second = cards(plan)
    stranger, phone = "52:54:00:00:00:01", "52:54:00:00:00:02"
    is_phone = "=3c05" + b"phone".hex()
    asked = [first, f"{second}{is_phone}", stranger, f"?{phone}{is_phone}"]
    told = offers(plan, *asked)
    assert told[asked[3]] is None, "the pool is not for phones"
    names = [bytes.fromhex(told[it]["options"][HOSTNAME]).decode() for it in asked[:3]]
    assert names == ["of the VLAN", "of the host", "of the VLAN"]
    for it in asked[:3]:
        assert bytes.fromhex(told[it]["options"][DOMAIN]).decode() == "of-the-subnet"
    assert [told[it]["options"].get(MTU) for it in asked[:3]] == [None, f"{1400:04x}", None]


IPXE = "4d0469505845"
MACHINES = {
    "5d020000": ("boot_bios", False),
    "5d020007": ("boot_uefi_x64", False),
    "5d020009": ("boot_uefi_x64", False),
    "5d02000b": ("boot_uefi_arm64", False),
    "5d020010" + "3c0a" + b"HTTPClient".hex(): ("boot_http_x64", True),
    "5d020013" + "3c0a" + b"HTTPClient".hex(): ("boot_http_arm64", True),
    f"5d020000{IPXE}": ("boot_ipxe", False),
    f"5d02000b{IPXE}": ("boot_ipxe", False),
    "5d0400070010": ("boot_uefi_x64", False),
    "5d0400100007" + "3c0a" + b"HTTPClient".hex(): ("boot_http_x64", True),
    "5d020006": (None, False),
    "5d0400060007": (None, False),
    "": (None, False),
}
"""What machines send (93: their type, or several, of which the first counts; 60: that they boot
over HTTP; 77: that they run iPXE), which setting is for them, and whether they are told that HTTP
is meant."""


@needs_dhcpd
@pytest.mark.parametrize("role", ["primary", "secondary"])
def test_p13_each_kind_of_machine_is_told_its_boot_file_reserved_or_not_by_either_peer(
    offers, role
):
    pair = service(subnet(5, hostnames=["m"] * len(MACHINES)))
    own = pair if role == "primary" else as_peer_has_it(pair)
    # alone in this test, a half of a pair would answer nobody; all but the stanza is the same
    plan = (booting(evolve(own, role="alone", peer=None), **BOOT),)
    unreserved = [f"52:54:00:ff:00:{number:02x}" for number in range(len(MACHINES))]
    asked = [
        f"{mac}={sent}"
        for macs in (cards(plan), unreserved)
        for mac, sent in zip(macs, MACHINES, strict=True)
    ]
    told = offers(plan, *asked)
    for card, (setting, is_http) in zip(asked, [*MACHINES.values()] * 2, strict=True):
        offer = told[card]
        assert offer["next_server"] == str(own.address), card
        assert offer["file"] == (BOOT[setting] if setting else ""), card
        vendor_class = offer["options"].get(VENDOR_CLASS)
        assert vendor_class == (b"HTTPClient".hex() if is_http else None), card
