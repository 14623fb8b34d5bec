"""What of a new plan a running dhcpd can be told, and in which words."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_plan import shared_part
from evenrack.model.fleet_number import FleetNumber
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.host_changes import (
    MOST_CHANGES,
    Host,
    HostChanges,
    followable,
    host_changes,
    more_hosts,
)
from tests.rack.dhcp.golden_plans import (
    OMAPI,
    service,
    snippet,
    subnet,
    with_other_cards,
    with_snippets,
)
from tests.rack.dhcp.golden_plans6 import MACHINES, serving6, subnet6
from tests.strategies_dhcp import as_peer_has_it, dhcp_plans, relaying

NET = subnet(1, hostnames=("m1", "m2"))
OTHER = service(subnet(2, hostnames=("n1",)), role="secondary")
M1, M2 = NET.reservations
M3 = evolve(M2, id=103, mac="52:54:00:01:00:03", address=IPv4Address("10.1.0.23"), hostname='"3"')


def plan(*reservations, **changed):
    """Two VLANs, of which the first has these reservations."""
    return (service(evolve(NET, reservations=reservations, **changed)), OTHER)


def later(services):
    return tuple(evolve(it, number=FleetNumber(1, 99)) for it in services)


SERVED = plan(M1, M2)


@pytest.mark.parametrize(
    ("reservations", "removed", "added"),
    [
        ((M1, M2, M3), [M3], [M3]),
        ((M1,), [M2], []),
        ((M1, evolve(M2, hostname="m2 again")), [M2], [evolve(M2, hostname="m2 again")]),
        ((M3, M2), [M1, M3], [M3]),
    ],
    ids=["one more", "one less", "one other", "one for another"],
)
def test_what_changed_is_forgotten_first_and_then_known(reservations, removed, added):
    after = later(plan(*reservations))
    assert followable(SERVED, after) == (after[0], OTHER)
    changes = host_changes(SERVED, after)
    assert changes.removed == tuple(f"h-{it.id}-{it.mac.replace(':', '-')}" for it in removed)
    assert [(it.name, it.address) for it in changes.added] == [
        (f"h-{it.id}-{it.mac.replace(':', '-')}", it.address) for it in added
    ]


def test_a_host_is_told_what_stands_in_the_file():
    host = Host(
        name="h-103-52-54-00-01-00-03",
        mac=b"\x52\x54\x00\x01\x00\x03",
        address=IPv4Address("10.1.0.23"),
        statements='option host-name "\\0423\\042";\n',
    )
    after = plan(M1, M2, M3)
    assert host_changes(SERVED, after) == HostChanges(removed=(host.name,), added=(host,))
    assert host.statements in dhcpd_conf(after, OMAPI)
    [nameless] = host_changes(SERVED, plan(M1, M2, evolve(M3, hostname=""))).added
    assert nameless.statements == ""


def test_each_card_of_a_machine_is_a_host():
    net = with_other_cards(NET, "52:54:00:01:01:00")
    after = plan(*net.reservations)
    assert followable(SERVED, after) == after
    [added] = host_changes(SERVED, after).added
    assert added.name == "h-100-52-54-00-01-01-00"
    assert host_changes(after, SERVED).removed == (added.name,)


@pytest.mark.parametrize(
    "after",
    [
        plan(M1, M2, M3, domain="other.example.com"),
        (as_peer_has_it(plan(M1, M2, M3)[0]), OTHER),
        plan(M1, M2, evolve(M3, mac=M1.mac)),
        plan(M1, M2, evolve(M3, mac=OTHER.vlan.subnets[0].reservations[0].mac)),
        (OTHER,),
        later(SERVED),
    ],
    ids=["a domain", "a role", "a card twice", "a card on two VLANs", "a VLAN less", "a number"],
)
def test_what_needs_a_restart_or_nothing_at_all_is_not_told(after):
    assert followable(SERVED, after) is SERVED


def test_too_many_changes_wait_for_a_restart():
    def many(number):
        return plan(
            *(
                evolve(M3, id=1000 + n, mac=f"52:54:00:03:00:{n:02x}", address=M3.address + n)
                for n in range(number)
            )
        )

    assert followable(plan(), many(MOST_CHANGES)) == many(MOST_CHANGES)
    none = plan()
    assert followable(none, many(MOST_CHANGES + 1)) is none


M4 = evolve(M3, id=104, mac="52:54:00:01:00:04", address=IPv4Address("10.1.0.24"))


@pytest.mark.parametrize(
    "reservations",
    [(M1, M2), (M1, M2, evolve(M3, hostname="other")), (M1, M3, M4), (M1, M2, M3)],
    ids=["one that came is gone", "it is another", "an old one is gone", "nothing"],
)
def test_only_hosts_that_come_are_told_while_a_file_is_checked(reservations):
    """Else nobody would know what to take back when the daemon ends."""
    told = plan(M1, M2, M3)
    assert more_hosts(SERVED, told, plan(M1, M2, M3, M4)) == plan(M1, M2, M3, M4)
    assert more_hosts(SERVED, told, plan(*reservations)) is told


def test_not_more_hosts_are_told_while_a_file_is_checked_than_can_be_taken_back_at_once():
    def many(number):
        every = range(number)
        macs = [f"52:54:00:03:00:{n:02x}" for n in every]
        return plan(*(evolve(M3, id=1000 + n, mac=macs[n], address=M3.address + n) for n in every))

    none, told = plan(), many(MOST_CHANGES - 1)
    assert more_hosts(none, told, many(MOST_CHANGES)) == many(MOST_CHANGES)
    assert more_hosts(none, told, many(MOST_CHANGES + 1)) is told


def test_a_vlan_is_followed_also_where_another_one_has_to_wait():
    net = evolve(OTHER.vlan.subnets[0], domain="x.example.com", reservations=())
    changed = evolve(OTHER, vlan=evolve(OTHER.vlan, subnets=(net,)))
    after = (plan(M1, M2, M3)[0], changed)
    assert followable(SERVED, after) == (after[0], OTHER)
    assert followable(after, (SERVED[0], OTHER)) == (SERVED[0], changed)


def test_a_hostname_that_cannot_be_written_is_refused():
    bad = plan(M1, M2, evolve(M3, hostname="\ud800"))
    with pytest.raises(ValueError, match="hostname of reservation 103 has half a character"):
        host_changes(SERVED, bad)


@given(dhcp_plans(), st.data())
def test_who_follows_ends_with_the_hosts_of_the_file(before, data):
    """Whatever of its reservations is left out: dhcpd is told what the files differ in."""

    def thinned(vlan):
        nets = (
            evolve(net, reservations=tuple(r for r in net.reservations if data.draw(st.booleans())))
            for net in vlan.subnets
        )
        return evolve(vlan, subnets=tuple(nets), relayed=tuple(map(thinned, vlan.relayed)))

    after = followable(before, tuple(evolve(it, vlan=thinned(it.vlan)) for it in before))
    hosts = dict.fromkeys(line for line in lines_of(before) if line.startswith("host "))
    changes = host_changes(before, after)
    for name in changes.removed:
        hosts.pop(f"host {name} {{", None)
    for host in changes.added:
        hosts[f"host {host.name} {{"] = None
    assert set(hosts) == {line for line in lines_of(after) if line.startswith("host ")}


def lines_of(services):
    return dhcpd_conf(services, OMAPI).splitlines()


def test_a_snippet_of_a_reservation_and_what_becomes_of_that_one_take_a_restart():
    """OMAPI could tell of none; the reservations beside it are told."""
    own = snippet(1, "host", M1.id, "default-lease-time 60;")
    served = (with_snippets(SERVED[0], own), OTHER)
    moved = plan(evolve(M1, address=IPv4Address("10.1.0.30")), M2)
    for before, after in (
        (SERVED, served),
        (served, SERVED),
        (served, plan(M2)),
        (served, (with_snippets(SERVED[0], evolve(own, text="deny booting;")), OTHER)),
        (served, (with_snippets(moved[0], own), OTHER)),
    ):
        assert followable(before, after) is before
    beside = (with_snippets(plan(M1, M2, M3)[0], own), OTHER)
    assert followable(served, beside) == beside


@pytest.mark.parametrize("level", ["vlan", "subnet", "pool"])
def test_a_snippet_of_a_vlan_takes_a_restart_and_reservations_beside_it_wait_with_it(level):
    after = (with_snippets(plan(M1, M2, M3)[0], snippet(1, level, 1, "deny bootp;")), OTHER)
    assert followable(SERVED, after) is SERVED


def test_global_snippets_wait_and_reservations_do_not():
    shared, other = (shared_part((snippet(9, "global", None, text),)) for text in ("a;", "b;"))
    after = plan(M1, M2, M3)
    assert followable((shared, *SERVED), (other, *after)) == (shared, *after)
    assert followable(SERVED, (other, *after)) == after
    assert followable((shared, *SERVED), after) == (shared, *after)


def relayed(*reservations):
    """The second VLAN, which relays the first one."""
    return (relaying(OTHER, plan(*reservations)[0].vlan),)


def test_reservations_of_a_relayed_vlan_are_told_too():
    before, after = relayed(M1, M2), relayed(M1, M3)
    assert followable(before, after) == after
    assert host_changes(before, after) == host_changes(SERVED, plan(M1, M3))
    own = snippet(1, "host", M1.id, "default-lease-time 60;")
    with_own = evolve(plan(M1, M3)[0].vlan, snippets=(own,))
    assert followable(after, (relaying(OTHER, with_own),)) is after


def test_a_card_on_a_vlan_and_on_one_that_it_relays_is_not_told():
    [card] = OTHER.vlan.subnets[0].reservations
    before = relayed(M1, M2)
    assert followable(before, relayed(M1, M2, evolve(M3, mac=card.mac))) is before
    moved = evolve(OTHER.vlan.subnets[0], reservations=(evolve(card, mac=M1.mac),))
    here = evolve(OTHER, vlan=evolve(OTHER.vlan, subnets=(moved,)))
    assert followable(before, (relaying(here, plan(M1, M2)[0].vlan),)) is before


def test_m11_whatever_changes_of_ipv6_takes_a_restart_of_its_server():
    kept = subnet6(1, ("100", "1ff"), machines=MACHINES)
    before = serving6(kept, half="lower")
    with_other_host = evolve(before, vlan=evolve(before.vlan, subnets6=(evolve(kept, hosts=()),)))
    for after in (with_other_host, evolve(before, half="upper"), evolve(before, half_held=True)):
        named = evolve(after, vlan=evolve(after.vlan, name="another"))
        assert followable((before,), (named,)) == (before,)
    named = evolve(before, vlan=evolve(before.vlan, name="another"))
    assert followable((before,), (named,)) == (named,)
