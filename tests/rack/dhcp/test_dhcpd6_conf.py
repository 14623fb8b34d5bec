"""The file for IPv6: to the byte, accepted by the real dhcpd, and no text of a person is syntax."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.network6 import Reservation6
from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from tests.rack.dhcp.dhcpd_program import check_with_dhcpd, needs_dhcpd
from tests.rack.dhcp.golden_plans import OMAPI, service, subnet
from tests.rack.dhcp.golden_plans6 import GOLDEN, MACHINES, PLANS6, serving6, subnet6
from tests.rack.dhcp.literals import literals, without_literals


@pytest.mark.parametrize("name", PLANS6)
def test_the_file_is_the_kept_one_to_the_byte(name):
    assert dhcpd6_conf(PLANS6[name]) == (GOLDEN / f"{name}.conf").read_text()
    assert dhcpd6_conf(PLANS6[name][::-1]) == dhcpd6_conf(PLANS6[name]), "whatever their order"


@needs_dhcpd
@pytest.mark.parametrize("name", PLANS6)
def test_dhcpd_accepts_each_kept_file(name, tmp_path):
    check_with_dhcpd((GOLDEN / f"{name}.conf").read_text(), tmp_path, family="-6")


def test_every_kept_file_is_of_a_plan():
    assert {path.stem for path in GOLDEN.iterdir()} == set(PLANS6)


def test_without_ipv6_there_is_no_file_and_with_it_that_of_ipv4_is_as_before():
    assert dhcpd6_conf((service(subnet(1)),)) == ""
    with_ipv6 = serving6(subnet6(1, ("100", "1ff"), machines=MACHINES))
    without = evolve(with_ipv6, vlan=evolve(with_ipv6.vlan, subnets6=()))
    assert dhcpd_conf((with_ipv6,), OMAPI) == dhcpd_conf((without,), OMAPI)


def test_a_half_that_is_held_is_given_to_nobody_and_reservations_are():
    it = serving6(subnet6(1, ("100", "1ff"), machines=MACHINES), half="upper")
    assert "range6" in dhcpd6_conf((it,))
    held = dhcpd6_conf((it,), held=[it.vlan.id])
    assert "range6" not in held
    assert held.count("fixed-address6") == len(MACHINES)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_search_domain_is_only_ever_one_literal_and_changes_no_statement(one, other):
    try:
        wanted = {b"plain": one.encode(), b"else": other.encode()}
    except UnicodeEncodeError:
        return

    def text(*domains):
        return dhcpd6_conf((serving6(subnet6(1, ("1", "9"), search_domains=domains)),))

    plain = text("plain", "else")
    assert literals(text(one, other)) == [wanted.get(it, it) for it in literals(plain)]
    assert without_literals(text(one, other)) == without_literals(plain)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ({"mac": '52:54:00:12:34:56; } evil { "'}, "the MAC address of reservation 7"),
        ({"mac": ""}, "the MAC address of reservation 7"),
        ({"duid": "00:01:02; }"}, "the DUID of reservation 7"),
        ({"duid": "00:01"}, "the DUID of reservation 7"),
    ],
)
def test_what_is_no_card_and_no_duid_is_refused_by_the_name_of_its_reservation(who, said):
    net = subnet6(1, ("1", "9"))
    kept = Reservation6(id=7, address=net.cidr[32], **who)
    with pytest.raises(ValueError, match=said):
        dhcpd6_conf((serving6(evolve(net, hosts=(kept,))),))
