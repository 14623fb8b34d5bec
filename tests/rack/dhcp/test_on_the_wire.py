"""What the real dhcpd tells real clients from our files."""

import json
import os
import sys
from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.errors import ProgramFailed
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.runtime.child_process import run_program
from tests.rack.dhcp import ask_dhcpd
from tests.rack.dhcp.dhcpd_program import DHCPD, needs_dhcpd
from tests.rack.dhcp.golden_plans import OMAPI, service, subnet
from tests.strategies_dhcp import NASTY_NAMES

ROUTER, DNS_SERVERS, HOSTNAME, DOMAIN, NTP_SERVERS, LEASE_SECONDS = "3", "6", "12", "15", "42", "51"
TWO_NAMES_FOR_ONE_CARD = ("here", "there")


@pytest.fixture(scope="module")
def own_network():
    """What stands before a program that gets a network of its own; skips where that cannot be."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *user, "--"]
    try:
        run_program([*command, "ip", "link", "add", "name", "one", "type", "veth"], seconds=10)
    except ProgramFailed as failed:
        pytest.skip(f"this machine gives no network namespaces: {failed}")
    return command


@pytest.fixture
def offers(own_network, tmp_path):
    """Ask a dhcpd that serves a plan on its first VLAN what it offers to some cards."""

    def ask(plan, *macs):
        (tmp_path / "dhcpd.conf").write_text(dhcpd_conf(plan, OMAPI))
        address = f"{plan[0].address}/{plan[0].vlan.subnets[0].cidr.prefixlen}"
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
