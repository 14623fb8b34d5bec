"""The plan of an import: the rules of every other change, held against the whole file at once."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.network import Range, Reservation, Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.network_rules import problems_of
from evenrack.model.reservation_import import Wanted, plan_import, vlans_of

MACS = [f"52:54:00:00:00:{n:02x}" for n in range(8)]


def ip(text):
    return IPv4Address(text)


def kept(number, mac, address, hostname=""):
    return Reservation(id=number, mac=MACS[mac], address=ip(address), hostname=hostname)


VLAN1 = Vlan(
    id=1,
    name="vlan1",
    subnets=(
        Subnet(
            id=1,
            cidr=IPv4Network("10.0.0.0/24"),
            gateway=ip("10.0.0.1"),
            ranges=(Range(id=1, first=ip("10.0.0.100"), last=ip("10.0.0.199")),),
            reservations=(kept(1, 0, "10.0.0.10", "a"), kept(2, 1, "10.0.0.11")),
        ),
        Subnet(id=2, cidr=IPv4Network("10.1.0.0/24"), reservations=(kept(3, 2, "10.1.0.10"),)),
    ),
)
VLAN2 = Vlan(id=2, name="vlan2", subnets=(Subnet(id=3, cidr=IPv4Network("10.2.0.0/24")),))
VLANS = (VLAN1, VLAN2)


def wanted(*lines):
    return [
        Wanted(line=number, mac=MACS[mac], address=ip(address), hostname=(*name, None)[0])
        for number, (mac, address, *name) in enumerate(lines, 2)
    ]


def plan(*lines, vlans=VLANS, only=None):
    return plan_import(vlans, wanted(*lines), only=only)


def deeds(*lines):
    made = plan(*lines)
    assert made.problems == ()
    return [each.deed for each in made.lines]


def told(*lines, **how):
    return [(each.line, each.field, each.detail) for each in plan(*lines, **how).problems]


def test_a_line_is_new_changed_or_the_same_by_its_card_on_the_vlan():
    assert deeds(
        (0, "10.0.0.10", "a"),
        (1, "10.0.0.12"),
        (2, "10.0.0.13"),
        (3, "10.1.0.11", "new"),
        (0, "10.2.0.10"),
    ) == ["same", "changed", "changed", "new", "new"]


def test_other_cards_of_a_reservation_stay_and_a_line_about_one_of_them_is_refused():
    first, second = VLAN1.subnets[0].reservations
    several = evolve(first, other_macs=(MACS[5],))
    subnet = evolve(VLAN1.subnets[0], reservations=(several, second))
    vlans = (evolve(VLAN1, subnets=(subnet, VLAN1.subnets[1])), VLAN2)
    moved = plan((0, "10.0.0.13"), vlans=vlans)
    assert moved.problems == ()
    assert moved.lines[0].reservation == evolve(several, address=ip("10.0.0.13"))
    assert plan((0, "10.0.0.10"), vlans=vlans).lines[0].deed == "same"
    ((line, field, detail),) = told((5, "10.0.0.13"), vlans=vlans)
    assert (line, field) == (2, "mac")
    assert f'the card "{MACS[5]}" has 10.0.0.10 on VLAN "vlan1" already' in detail


def test_a_hostname_stays_when_the_file_has_no_such_column_and_goes_when_it_is_empty():
    stays, goes = plan((0, "10.0.0.12")), plan((0, "10.0.0.10", ""))
    assert stays.lines[0].reservation.hostname == "a"
    assert (goes.lines[0].deed, goes.lines[0].reservation.hostname) == ("changed", "")


def test_two_cards_may_exchange_their_addresses():
    assert deeds((0, "10.0.0.11"), (1, "10.0.0.10")) == ["changed", "changed"]


def test_everything_that_is_wrong_is_told_at_once_with_its_line_and_field():
    found = told(
        (3, "192.0.2.1"),
        (4, "10.0.0.150"),
        (5, "10.0.0.1"),
        (6, "10.0.0.10"),
        (7, "10.0.0.20", "x" * 256),
        (1, "10.0.0.255"),
    )
    assert [(line, field) for line, field, _ in found] == [
        *((2, "address"), (3, "address"), (4, "address"), (5, "address"), (6, "hostname")),
        (7, "address"),
    ]
    for (_, _, detail), words in zip(
        found,
        (
            "no subnet has the address 192.0.2.1; create it first",
            "inside the range",
            "is the gateway's",
            f"is kept for {MACS[0]} already",
            "its hostname must be text",
            "broadcast address",
        ),
        strict=True,
    ):
        assert words in detail


def test_what_is_twice_in_the_file_is_told_with_both_lines():
    card = told((3, "10.0.0.20"), (4, "10.0.0.21"), (3, "10.1.0.22"))
    assert [(line, field) for line, field, _ in card] == [(4, "mac")]
    assert card[0][2].endswith("take it away from one of the two (see line 2)")
    address = told((3, "10.0.0.20"), (4, "10.0.0.20"))
    assert [(line, field) for line, field, _ in address] == [(3, "address")]
    assert address[0][2].endswith("(see line 2)")
    known = told((0, "10.0.0.10"), (0, "10.0.0.30"))
    assert [(line, field) for line, field, _ in known] == [(3, "mac")]
    assert known[0][2].endswith("(see line 2)")


def test_with_a_vlan_named_addresses_elsewhere_are_wrong():
    assert deeds((3, "10.2.0.20")) == ["new"]
    assert told((3, "10.2.0.20"), only=VLAN1) == [
        (
            2,
            "address",
            "no subnet of VLAN vlan1 has the address 10.2.0.20; create it first, or name no VLAN",
        )
    ]


def test_what_was_wrong_before_does_not_hinder_a_file_that_leaves_it_as_it_is():
    subnet, other = VLAN1.subnets
    bad = evolve(subnet, reservations=(*subnet.reservations, kept(9, 5, "10.0.0.120")))
    vlans = (evolve(VLAN1, subnets=(bad, other)), VLAN2)
    assert told((5, "10.0.0.120"), (6, "10.0.0.30"), vlans=vlans) == []
    assert len(told((5, "10.0.0.121"), vlans=vlans)) == 1


def test_the_vlans_of_the_addresses_have_to_be_read():
    assert vlans_of(VLANS, wanted((0, "10.0.0.1"), (0, "10.1.0.1"))) == {1}
    assert vlans_of(VLANS, wanted((0, "10.2.0.1"), (0, "9.0.0.0"), (0, "10.0.1.0"))) == {2}
    assert vlans_of((), wanted((0, "10.2.0.1"))) == set()


def ip6(text):
    return IPv6Address(text)


DUIDS = [f"00:02:00:00:ab:{n:02x}" for n in range(4)]
SIX = Subnet6(
    id=4,
    cidr=IPv6Network("fd00:1::/64"),
    ranges=(Range6(id=2, first=ip6("fd00:1::1000"), last=ip6("fd00:1::1fff")),),
    hosts=(
        Reservation6(id=4, address=ip6("fd00:1::10"), duid=DUIDS[0]),
        Reservation6(id=5, address=ip6("fd00:1::11"), mac=MACS[0]),
    ),
)
WITH_IPV6 = (evolve(VLAN1, subnets6=(SIX,)), VLAN2)


def wanted6(*lines):
    """Each line: who, by the column of that, and the address; and a hostname, if any."""
    return [
        Wanted(line=number, address=ip_address(address), hostname=(*name, None)[0], **who)
        for number, (who, address, *name) in enumerate(lines, 2)
    ]


def plan6(*lines, vlans=WITH_IPV6):
    return plan_import(vlans, wanted6(*lines))


def duid(number):
    return {"duid": DUIDS[number]}


def card(number):
    return {"mac": MACS[number]}


def test_lines_of_ipv6_are_about_a_duid_or_a_card_and_a_card_may_have_both_families():
    made = plan6(
        (duid(0), "fd00:1::10"),
        (card(0), "fd00:1::12"),
        (duid(1), "fd00:1::13", ""),
        (card(3), "fd00:1::14"),
        (card(0), "10.0.0.10", "a"),
    )
    assert made.problems == ()
    assert [each.deed for each in made.lines] == ["same", "changed", "new", "new", "same"]
    assert made.lines[1].reservation == evolve(SIX.hosts[1], address=ip6("fd00:1::12"))
    assert [each.row for each in made.changes] == [
        {**it, "subnet_id": 4, "hostname": ""}
        for it in (
            {"id": 5, "mac": MACS[0], "duid": None, "address": "fd00:1::12"},
            {"id": -4, "mac": None, "duid": DUIDS[1], "address": "fd00:1::13"},
            {"id": -5, "mac": MACS[3], "duid": None, "address": "fd00:1::14"},
        )
    ]
    by_duid = plan6((duid(1), "fd00:1::13")).fingerprint
    assert by_duid != plan6((duid(2), "fd00:1::13")).fingerprint
    exchanged = plan6((duid(0), "fd00:1::11"), (card(0), "fd00:1::10"))
    assert (exchanged.problems, exchanged.count("changed")) == ((), 2)


def test_everything_that_is_wrong_with_lines_of_both_families_is_told_at_once():
    found = plan6(
        (duid(1), "fd00:9::1"),
        (duid(1), "fd00:1::1234"),
        ({**duid(2), **card(4)}, "fd00:1::20"),
        ({}, "fd00:1::21"),
        (card(5), "fd00:1::10"),
        (card(6), "fd00:1::22", "node"),
        (duid(3), "10.0.0.20"),
        ({**duid(3), **card(7)}, "10.0.0.21"),
        (card(1), "10.0.0.150"),
        ({"duid": f"00:03:00:01:{MACS[0]}"}, "fd00:1::23"),
        (card(2), "::10.0.0.20"),
    ).problems
    wrong = (
        (2, "address", "no subnet has the address fd00:9::1; create it first"),
        (3, "address", "inside the range fd00:1::1000-fd00:1::1fff"),
        (4, "mac", "name the machine by its duid or by its mac"),
        (5, "duid", "name the machine by its duid or by its mac"),
        (6, "address", f"is kept for {DUIDS[0]} already"),
        (7, "hostname", "is told no hostname"),
        (8, "mac", "10.0.0.20 is an IPv4 address, which is kept for a card; give its mac"),
        (8, "duid", "only an IPv6 address is kept for a DUID"),
        (9, "duid", "only an IPv6 address is kept for a DUID"),
        (10, "address", "inside the range"),
        (11, "duid", f"the machine {MACS[0]} has fd00:1::11"),
        (12, "address", "no subnet has the address ::a00:14"),
    )
    assert [(it.line, it.field) for it in found] == [(line, field) for line, field, _ in wrong]
    for problem, (_, _, words) in zip(found, wrong, strict=True):
        assert words in problem.detail


def test_a_machine_that_is_twice_in_the_file_is_told_with_both_lines():
    ((line, field, detail),) = [
        (it.line, it.field, it.detail)
        for it in plan6((duid(1), "fd00:1::20"), (duid(1), "fd00:1::21")).problems
    ]
    assert (line, field) == (3, "duid")
    assert detail.endswith("(see line 2)")


LINES = st.lists(
    st.tuples(
        st.integers(0, 7).map(card),
        st.builds("10.{}.0.{}".format, st.integers(0, 2), st.integers(0, 14)),
    )
    | st.tuples(st.integers(0, 7).map(card), st.just("10.0.0.150"), st.just("h"))
    | st.tuples(
        st.one_of(st.integers(0, 3).map(duid), st.integers(0, 7).map(card)),
        st.builds("fd00:1::{}".format, st.integers(8, 14)),
    ),
    max_size=8,
)


def applied(vlans, made):
    """The inventory after a plan, as the database would number it."""
    ids = {each.reservation.id for each in made.lines}
    numbered = {
        each.line: evolve(
            each.reservation, id=abs(each.reservation.id) + 100 * (each.deed == "new")
        )
        for each in made.lines
    }

    def after(subnet, before):
        return (
            *(each for each in before if each.id not in ids),
            *(numbered[line.line] for line in made.lines if line.subnet == subnet.id),
        )

    return tuple(
        evolve(
            vlan,
            subnets=tuple(
                evolve(it, reservations=after(it, it.reservations)) for it in vlan.subnets
            ),
            subnets6=tuple(evolve(it, hosts=after(it, it.hosts)) for it in vlan.subnets6),
        )
        for vlan in vlans
    )


@given(LINES)
def test_a_plan_without_problems_breaks_no_rule_and_a_second_one_changes_nothing(lines):
    made = plan6(*lines)
    after = applied(WITH_IPV6, made)
    assert bool(problems_of(after)) == bool(made.problems)
    if not made.problems:
        again = plan6(*lines, vlans=after)
        assert (again.changes, again.problems) == ((), ())
        assert again.count("same") == len(lines)


@given(LINES, LINES)
def test_plans_that_change_something_else_have_another_fingerprint(one, other):
    first, second = plan6(*one), plan6(*other)

    def told(made):
        return [(each.reservation, each.subnet) for each in made.changes]

    assert (first.fingerprint == second.fingerprint) == (told(first) == told(second))
