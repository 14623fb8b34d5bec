"""Which half of the IPv6 ranges is whose: no address is ever two racks'."""

from ipaddress import IPv4Address, IPv6Address

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_roles import Server, Service
from evenrack.model.halves import half_of, is_held, spans_of, split, with_halves

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"
LAST = 2**128 - 1


def served(*racks, **more):
    servers = [Server(rack=rack, address=IPv4Address("10.0.0.2")) for rack in racks]
    return Service(primary=servers[0], secondary=servers[1] if len(servers) > 1 else None, **more)


def span(first, count):
    return IPv6Address(first), IPv6Address(first + count - 1)


def followed(*steps, becomes_pair=False, has_ipv6=True):
    """What comes of these services, one after the other."""
    service = None
    for racks in steps:
        service = with_halves(service, served(*racks), has_ipv6=has_ipv6, becomes_pair=becomes_pair)
    return service


def halves(service):
    return {rack: half_of(service, rack) for rack in service.racks}


@given(st.integers(0, LAST), st.integers(1, 1 << 70))
def test_the_two_halves_are_all_of_a_range_and_have_nothing_in_common(first, count):
    count = min(count, LAST - first + 1)
    lower, upper = split(span(first, count))
    assert lower[0] == IPv6Address(first)
    assert int(lower[1]) - int(lower[0]) + 1 == (count + 1) // 2, "it has the one that is over"
    if upper is None:
        assert count == 1
    else:
        assert (int(upper[0]), int(upper[1])) == (int(lower[1]) + 1, first + count - 1)


def test_who_is_alone_gives_the_lower_half_away_first_and_one_address_has_no_upper_half():
    whole = span(16, 5)
    assert spans_of(whole, "whole") == (span(16, 3), span(19, 2))
    assert spans_of(whole, "lower") == (span(16, 3),)
    assert spans_of(whole, "upper") == (span(19, 2),)
    assert spans_of(span(7, 1), "upper") == ()
    assert spans_of(whole, "none") == ()


def test_one_rack_has_all_of_it_and_keeps_the_lower_half_when_another_comes():
    alone = followed([A])
    assert halves(alone) == {A: "whole"}
    for pair in ([A, B], [B, A]):
        both = followed([A], pair)
        assert halves(both) == {A: "lower", B: "upper"}
        assert (is_held(both, A), is_held(both, B)) == (False, True), "A may have given it away"


def test_of_a_pair_that_begins_as_one_nobody_had_the_upper_half():
    first = followed([A], becomes_pair=True)
    assert halves(first) == {A: "lower"}
    both = with_halves(first, served(A, B), has_ipv6=True, becomes_pair=True)
    assert halves(both) == {A: "lower", B: "upper"}
    assert not is_held(both, B)


def test_an_exchange_of_roles_changes_no_half():
    both = followed([A], [A, B])
    exchanged = with_halves(both, both.exchanged(), has_ipv6=True, becomes_pair=True)
    assert exchanged.primary.rack == B
    assert halves(exchanged) == {A: "lower", B: "upper"}
    assert is_held(exchanged, B), "it waits on"


def test_who_is_left_has_its_own_half_only_and_who_comes_back_has_the_other_again():
    for lost, left, half in ((A, B, "upper"), (B, A, "lower")):
        alone = followed([A], [A, B], [left])
        assert halves(alone) == {left: half}
        again = with_halves(alone, served(left, lost), has_ipv6=True, becomes_pair=True)
        assert halves(again) == halves(followed([A], [A, B]))
        assert is_held(again, lost)


def test_who_is_left_while_it_waits_for_the_leases_of_the_other_one_waits_on():
    alone = followed([A], [A, B], [B])
    assert is_held(alone, B), "A had all of it"
    other = followed([A], [A, B], [A])
    assert not is_held(other, A)
    assert is_held(with_halves(other, served(A, B), has_ipv6=True), B)
    assert is_held(with_halves(alone, served(B, C), has_ipv6=True), C)


def test_where_there_was_no_ipv6_nobody_waits_and_who_is_alone_has_all_of_it():
    both = followed([A], [A, B], has_ipv6=False)
    assert halves(both) == {A: "lower", B: "upper"}
    third = followed([A], [A, B], [B, C], has_ipv6=False)
    assert halves(third) == {B: "upper", C: "lower"}
    assert not any(is_held(it, rack) for it in (both, third) for rack in it.racks)
    alone = followed([A], [A, B], [B], has_ipv6=False)
    assert halves(alone) == {B: "whole"}
    again = with_halves(alone, served(B, A), has_ipv6=True)
    assert (halves(again), is_held(again, A)) == ({B: "lower", A: "upper"}, True)


def test_a_third_rack_takes_the_half_that_is_left_and_waits():
    for left, half in ((A, "upper"), (B, "lower")):
        for steps in ([[A], [A, B], [left, C]], [[A], [A, B], [left], [C, left]]):
            both = followed(*steps)
            assert halves(both)[C] == half
            assert set(halves(both).values()) == {"lower", "upper"}
            assert (is_held(both, C), is_held(both, left)) == (True, False)


def test_a_pair_of_a_program_from_before_ipv6_has_two_halves_too():
    before = served(A, B)
    assert halves(before) == {A: "lower", B: "upper"}
    assert (
        halves(with_halves(before, before.exchanged(), has_ipv6=True, becomes_pair=True))[A]
        == "lower"
    )


def test_a_pair_whose_rack_with_the_lower_half_was_replaced_by_such_a_program_has_two_halves():
    before = served(A, B, lower=C)
    assert halves(before) == {A: "lower", B: "upper"}
    after = with_halves(before, before.exchanged(), has_ipv6=True, becomes_pair=True)
    assert halves(after) == halves(before)
    assert halves(with_halves(before, served(B), has_ipv6=True)) == {B: "upper"}


@given(st.lists(st.sampled_from([[A], [B], [C], [A, B], [B, C], [C, A]]), min_size=1, max_size=8))
def test_no_story_gives_two_racks_one_half_and_none_changes_sides_while_it_stays(steps):
    before = None
    for racks in steps:
        if before is not None and not set(racks) & set(before.racks):
            before = None  # nobody who served it goes on: it begins anew
        now = with_halves(before, served(*racks), has_ipv6=True)
        found = halves(now)
        if len(racks) > 1:
            assert sorted(found.values()) == ["lower", "upper"]
        if before is not None:
            for rack in set(racks) & set(before.racks):
                assert half_of(before, rack) in {"whole", found[rack]}
                assert not (is_held(now, rack) and not is_held(before, rack) and len(racks) > 1)
        before = evolve(now)
