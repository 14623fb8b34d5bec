"""The whole file: to the byte, accepted by the real dhcpd, and no text of a person is syntax."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenrack.errors import ProgramFailed
from evenrack.model.boot import BOOT_FILES
from evenrack.model.identifiers import ReservationId
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf, host_name
from evenrack.rack.dhcp.failover import failover_stanza, has_peer
from tests.rack.dhcp.dhcpd_program import check_with_dhcpd, needs_dhcpd
from tests.rack.dhcp.golden_plans import GOLDEN, OMAPI, PLANS, PRIMARY, booting, service, subnet
from tests.rack.dhcp.literals import literals, without_literals
from tests.strategies_dhcp import as_peer_has_it, dhcp_plans, host_names, relaying

FEW = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example starts a dhcpd; all may use one folder, since each writes its file anew."""


def reservations(plan):
    return [r for it in plan for net in it.vlan.all_subnets for r in net.reservations]


def with_hostname(hostname):
    """A plan in which one card of two has this name."""
    return (service(subnet(1, hostnames=(hostname, "other"))),)


def statements(text):
    """Count the characters that make statements and blocks, outside of literals."""
    return {character: without_literals(text).count(character) for character in "{};"}


@pytest.mark.parametrize("name", PLANS)
def test_the_file_is_the_kept_one_to_the_byte(name):
    assert dhcpd_conf(PLANS[name], OMAPI) == (GOLDEN / f"{name}.conf").read_text()


@needs_dhcpd
@pytest.mark.parametrize("name", PLANS)
def test_dhcpd_accepts_each_kept_file(name, tmp_path):
    check_with_dhcpd((GOLDEN / f"{name}.conf").read_text(), tmp_path)


def test_every_kept_file_is_of_a_plan():
    assert {path.stem for path in GOLDEN.iterdir()} == set(PLANS)


@needs_dhcpd
def test_this_dhcpd_refuses_what_is_wrong(tmp_path):
    wrong = (GOLDEN / "secondary.conf").read_text().replace("  secondary;", "  secondary; split 9;")
    with pytest.raises(ProgramFailed, match="split"):
        check_with_dhcpd(wrong, tmp_path)


@needs_dhcpd
@FEW
@given(dhcp_plans())
def test_dhcpd_accepts_every_legal_plan(tmp_path, plan):
    check_with_dhcpd(dhcpd_conf(plan, OMAPI), tmp_path)


@given(dhcp_plans(roles=("primary", "secondary")))
def test_p13_both_racks_of_a_pair_serve_the_same_and_differ_only_in_their_stanza_and_address(plan):
    def without_own(services):
        text = dhcpd_conf(services, OMAPI)
        for it in services:
            text = text.replace(failover_stanza(it), "", 1) if has_peer(it) else text
            for vlan in it.vlan.served:
                if vlan.boot.next_server == "rack":
                    text = text.replace(f"next-server {it.address};", "", 1)
        return text

    assert without_own(plan) == without_own(tuple(map(as_peer_has_it, plan)))


@given(dhcp_plans(roles=("alone",)))
def test_who_serves_alone_says_nothing_of_failover(plan):
    assert "failover" not in without_literals(dhcpd_conf(plan, OMAPI))


@given(dhcp_plans())
def test_a_peer_has_a_stanza_exactly_when_some_pool_names_it(plan):
    text = dhcpd_conf(plan, OMAPI)
    for it in plan:
        stanzas = text.count(f'failover peer "{it.peer_name}" {{')
        pools = text.count(f'failover peer "{it.peer_name}";')
        assert stanzas == (1 if has_peer(it) else 0)
        with_ranges = sum(1 for net in it.vlan.all_subnets if net.ranges)
        assert pools == (with_ranges if has_peer(it) else 0)


@given(dhcp_plans(), st.randoms(use_true_random=False))
def test_the_order_in_the_plan_does_not_matter(plan, chance):
    def shuffled(things):
        return tuple(chance.sample(things, len(things)))

    def shuffled_subnet(net):
        return evolve(net, ranges=shuffled(net.ranges), reservations=shuffled(net.reservations))

    other = shuffled(
        [
            evolve(
                it,
                vlan=evolve(it.vlan, subnets=shuffled(list(map(shuffled_subnet, it.vlan.subnets)))),
            )
            for it in plan
        ]
    )
    assert dhcpd_conf(other, OMAPI) == dhcpd_conf(plan, OMAPI)


def test_servers_are_named_in_the_order_of_their_preference():
    assert "option ntp-servers 10.0.0.124, 10.0.0.123;" in dhcpd_conf((PRIMARY,), OMAPI)


def test_an_option_that_the_subnet_does_not_have_is_left_out():
    bare = evolve(subnet(1), gateway=None, dns_servers=(), ntp_servers=(), domain="")
    _, of_the_network = dhcpd_conf((service(bare),), OMAPI).split("shared-network")
    assert "option" not in of_the_network


@given(host_names.filter(bool))
def test_a_hostname_is_only_ever_one_literal_and_changes_no_statement(hostname):
    text, plain = (dhcpd_conf(with_hostname(it), OMAPI) for it in (hostname, "plain"))
    assert literals(text) == [hostname.encode() if it == b"plain" else it for it in literals(plain)]
    assert without_literals(text) == without_literals(plain)
    assert statements(text) == statements(plain)
    assert text.isascii()
    assert text.count("\n") == plain.count("\n")


@given(st.sampled_from(BOOT_FILES), host_names.filter(bool))
def test_a_boot_file_is_only_ever_one_literal_and_changes_no_statement(field, name):
    text, plain = (dhcpd_conf((booting(PRIMARY, **{field: it}),), OMAPI) for it in (name, "plain"))
    assert literals(text) == [name.encode() if it == b"plain" else it for it in literals(plain)]
    assert without_literals(text) == without_literals(plain)
    assert statements(text) == statements(plain)
    assert text.isascii()


def test_a_boot_file_that_dhcpd_cannot_be_given_is_refused_by_the_name_of_its_vlan():
    long = booting(PRIMARY, boot_ipxe="x" * 1025)
    with pytest.raises(ValueError, match=r"^boot_ipxe of VLAN 1 has 1,025 bytes"):
        dhcpd_conf((long,), OMAPI)


@given(host_names, host_names)
def test_a_search_domain_is_only_ever_one_literal_and_changes_no_statement(one, other):
    def text_of(*domains):
        return dhcpd_conf((service(subnet(1, search_domains=domains)),), OMAPI)

    text, plain = text_of(one, other), text_of("plain", "plainer")
    wanted = {b"plain": one.encode(), b"plainer": other.encode()}
    assert literals(text) == [wanted.get(it, it) for it in literals(plain)]
    assert without_literals(text) == without_literals(plain)
    assert statements(text) == statements(plain)


def test_where_only_the_next_server_is_known_nothing_is_asked_about_machines():
    text = dhcpd_conf((booting(PRIMARY, next_server="rack"),), OMAPI)
    assert f"next-server {PRIMARY.address};" in text
    assert "arch" not in text


@given(dhcp_plans())
def test_every_hostname_is_told_byte_for_byte(plan):
    wanted = [
        it.hostname.encode()
        for vlan in sorted(plan, key=lambda it: it.vlan.id)
        for it in sorted(reservations([vlan]), key=lambda it: it.id)
        for _ in it.macs
        if it.hostname
    ]
    text = dhcpd_conf(plan, OMAPI)
    told = [line for line in text.splitlines() if line.startswith("  option host-name")]
    assert [literal for line in told for literal in literals(line)] == wanted
    assert len(told) == len(wanted)


def test_m10_a_relayed_vlan_has_its_own_settings_and_the_failover_of_the_one_that_relays_it():
    own = service(subnet(2), lease_seconds=3600, mclt=10, max_response_delay=5)
    text, alone = dhcpd_conf((relaying(PRIMARY, own.vlan),), OMAPI), dhcpd_conf((own,), OMAPI)
    network = alone[alone.index("shared-network") :].replace(own.peer_name, PRIMARY.peer_name)
    assert network in text
    assert failover_stanza(PRIMARY) in text
    assert own.peer_name not in text


def test_the_name_of_a_vlan_is_nowhere_in_the_file():
    named = evolve(PRIMARY, vlan=evolve(PRIMARY.vlan, name='x"; evil', fabric="\n} evil"))
    assert dhcpd_conf((named,), OMAPI) == dhcpd_conf((PRIMARY,), OMAPI)


@needs_dhcpd
def test_dhcpd_accepts_the_longest_hostname(tmp_path):
    check_with_dhcpd(dhcpd_conf(with_hostname("\x01" * 1024), OMAPI), tmp_path)


@pytest.mark.parametrize(
    ("hostname", "problem"),
    [
        ("x" * 1025, "has 1,025 bytes; dhcpd is given at most 1,024"),
        ("ü" * 513, "has 1,026 bytes; dhcpd is given at most 1,024"),
        ("x\ud800", "has half a character (a surrogate)"),
    ],
)
def test_a_hostname_that_dhcpd_cannot_be_given_is_refused_by_the_name_of_its_reservation(
    hostname, problem
):
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the whole message is below
        dhcpd_conf(with_hostname(hostname), OMAPI)
    assert str(refused.value) == f"the hostname of reservation 100 {problem}"


def test_a_domain_that_is_too_long_is_refused_by_the_name_of_its_subnet():
    long = evolve(subnet(1), domain="x" * 1025)
    with pytest.raises(ValueError, match=r"^the domain of subnet 1 has 1,025 bytes"):
        dhcpd_conf((service(long),), OMAPI)


@pytest.mark.parametrize(
    "mac",
    ["", "52:54:00:12:34", "52:54:00:12:34:5G", "52:54:00:12:34:AB", "52-54-00-12-34-56",
     "52:54:00:12:34:56\n", "52:54:00:12:34:56; } evil {", "\uff152:54:00:12:34:56"],
)  # fmt: skip
def test_what_is_no_mac_address_is_refused_by_the_name_of_its_reservation(mac):
    [good] = subnet(1, hostnames=("m1",)).reservations
    for bad in (evolve(good, mac=mac), evolve(good, other_macs=(mac,))):
        with pytest.raises(ValueError, match=r"^the MAC address of reservation 100: "):
            dhcpd_conf((service(evolve(subnet(1), reservations=(bad,))),), OMAPI)


def test_the_host_of_a_reservation_is_named_by_its_number_and_its_card():
    [reservation] = subnet(1, hostnames=("m1",)).reservations
    reservation = evolve(reservation, id=ReservationId(7), address=IPv4Address("10.1.0.9"))
    assert host_name(reservation, reservation.mac) == "h-7-52-54-00-01-00-00"


def test_a_vlan_without_subnets_is_left_out_since_dhcpd_takes_no_empty_network():
    empty = evolve(PRIMARY, vlan=evolve(PRIMARY.vlan, subnets=()))
    assert dhcpd_conf((empty,), OMAPI) == dhcpd_conf((), OMAPI)
