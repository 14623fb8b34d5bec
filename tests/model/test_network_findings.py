"""What findings are about: every object that could mend a breach; no breach is overlooked."""

from ipaddress import IPv4Network

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.findings import shown
from evenrack.model.network import Range, VlanSettings
from evenrack.model.network_rules import problems_of
from tests.model.small_vlans import MAC, between, ip, kept, on_vlan, subnet, vlan, with_ranges


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


def test_texts_from_outside_are_quoted_and_short():
    assert shown('a"\n') == r'"a\"\n"'
    assert len(shown("x" * 10_000)) < 50


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


# Properties: small worlds in which everything may be wrong


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
