"""The failover stanza: the promised lines, and what differs between the two sides."""

import pytest
from hypothesis import given

from evenrack.rack.dhcp.failover import failover_name, failover_stanza, has_peer
from tests.rack.dhcp.golden_plans import PRIMARY, service, subnet
from tests.strategies_dhcp import as_peer_has_it, vlan_services

PAIRED = ("primary", "secondary")


def lines(text):
    return [line.strip() for line in text.splitlines()]


def test_p16_the_primary_has_the_promised_lines_by_default():
    assert failover_stanza(PRIMARY) == (
        'failover peer "failover-vlan-1" {\n'
        "  primary;\n"
        "  address 10.1.0.2;\n"
        "  port 647;\n"
        "  peer address 10.1.0.3;\n"
        "  peer port 647;\n"
        "  max-response-delay 60;\n"
        "  max-unacked-updates 10;\n"
        "  load balance max seconds 3;\n"
        "  mclt 3600;\n"
        "  split 255;\n"
        "}\n"
    )


def test_p16_p17_the_secondary_has_the_same_but_mclt_and_split_with_addresses_mirrored():
    assert failover_stanza(as_peer_has_it(PRIMARY)) == (
        'failover peer "failover-vlan-1" {\n'
        "  secondary;\n"
        "  address 10.1.0.3;\n"
        "  port 647;\n"
        "  peer address 10.1.0.2;\n"
        "  peer port 647;\n"
        "  max-response-delay 60;\n"
        "  max-unacked-updates 10;\n"
        "  load balance max seconds 3;\n"
        "}\n"
    )


@given(vlan_services(roles=PAIRED))
def test_p17_names_are_equal_addresses_mirrored_and_only_the_primary_has_mclt_and_split(one):
    other = as_peer_has_it(one)
    primary, secondary = (one, other) if one.role == "primary" else (other, one)
    settings = one.vlan.settings
    ours, theirs = lines(failover_stanza(primary)), lines(failover_stanza(secondary))
    assert ours[0] == theirs[0] == f'failover peer "failover-vlan-{one.vlan.id}" {{'
    mirror = {
        "primary;": "secondary;",
        f"address {primary.address};": f"address {secondary.address};",
        f"peer address {secondary.address};": f"peer address {primary.address};",
    }
    assert [mirror.get(line, line) for line in ours if line not in not_shared(settings)] == theirs
    assert set(ours) >= not_shared(settings)


def not_shared(settings):
    return {f"mclt {settings.mclt};", f"split {settings.split};"}


def test_the_settings_of_the_vlan_are_used():
    text = failover_stanza(service(subnet(1), max_response_delay=10, mclt=300, split=256))
    assert {"max-response-delay 10;", "mclt 300;", "split 256;"} <= set(lines(text))


def test_the_name_stays_when_the_roles_change():
    assert failover_name(PRIMARY) == failover_name(as_peer_has_it(PRIMARY))


def test_who_serves_alone_has_no_stanza():
    with pytest.raises(ValueError, match=r"^VLAN 1 is served without a peer$"):
        failover_stanza(service(subnet(1), role="alone"))
    assert not has_peer(service(subnet(1), role="alone"))


def test_a_vlan_without_ranges_is_not_shared_with_a_peer():
    assert not has_peer(service(subnet(1, ranges=False)))
    assert has_peer(service(subnet(1, ranges=False), subnet(2)))
