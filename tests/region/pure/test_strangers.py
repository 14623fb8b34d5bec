"""Strangers: a flood is cut where it comes from, and everybody else is let in."""

from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.links.strangers import (
    MOST_ADDRESSES_OF_RACK,
    MOST_FROM_ONE_ADDRESS,
    MOST_FROM_ONE_NETWORK,
    MOST_STRANGERS,
    MOST_WHERE_RACKS_ARE,
    Strangers,
)


@define(eq=False)
class Someone:
    peer_address: str


def those_from(host, count):
    return [Someone(f"{host}:{40_000 + number}") for number in range(count)]


def test_a_flood_from_one_address_leaves_the_others_their_places():
    strangers = Strangers()
    for each in those_from("10.0.0.1", MOST_FROM_ONE_ADDRESS):
        assert strangers.may_come("10.0.0.1")
        strangers.came(each)
    assert not strangers.may_come("10.0.0.1")
    assert strangers.may_come("10.0.0.2")


def test_there_are_never_more_than_so_many_from_all_addresses_together():
    strangers = Strangers()
    for number in range(MOST_STRANGERS):
        strangers.came(Someone(f"10.0.{number // 250}.{number % 250}:40000"))
    assert not strangers.may_come("10.9.9.9")


def full():
    """Nobody from an address that is not known gets in any more."""
    strangers = Strangers()
    for number in range(MOST_STRANGERS):
        strangers.came(Someone(f"10.0.{number // 250}.{number % 250}:40000"))
    return strangers


def test_a_flood_from_one_network_leaves_the_others_their_places():
    strangers = Strangers()
    for number in range(MOST_FROM_ONE_NETWORK):
        strangers.came(Someone(f"192.0.2.{number % 200}:{number}"))
    assert not strangers.may_come("192.0.2.250")
    assert strangers.may_come("198.51.100.1")


def test_a_host_has_no_more_places_by_all_the_addresses_of_its_64():
    strangers = Strangers()
    for number in range(MOST_FROM_ONE_ADDRESS):
        strangers.came(Someone(f"2001:db8::{number:x}:40000"))
    assert not strangers.may_come("2001:db8::ffff")
    assert strangers.count_from("2001:db8::ffff") == MOST_FROM_ONE_ADDRESS
    assert strangers.may_come("2001:db8:0:1::1")


def test_a_rack_gets_in_where_a_rack_was_before_however_many_strangers_there_are():
    strangers = full()
    assert not strangers.may_come("192.0.2.1")
    strangers.rack_came_from("rack0001", "192.0.2.1:5000")
    back = those_from("192.0.2.1", MOST_FROM_ONE_ADDRESS)
    for each in back:
        assert strangers.may_come("192.0.2.1")
        strangers.came(each)
    assert not strangers.may_come("192.0.2.1"), "also a rack's address floods only itself"
    assert not strangers.may_come("192.0.2.2")
    strangers.left(back[0])
    assert strangers.may_come("192.0.2.1")


def test_where_racks_were_there_are_places_for_so_many_and_strangers_keep_theirs():
    strangers = Strangers()
    for number in range(MOST_WHERE_RACKS_ARE):
        address = f"10.0.{number // 250}.{number % 250}:40000"
        strangers.rack_came_from(f"rack{number:04}", address)
        strangers.came(Someone(address))
    strangers.rack_came_from("more", "10.9.9.9:1")
    assert not strangers.may_come("10.9.9.9")
    assert strangers.may_come("192.0.2.1")


def test_with_one_rack_s_certificate_only_its_last_addresses_are_known():
    strangers = full()
    strangers.rack_came_from("honest", "192.0.2.200:1")
    for number in range(100):
        strangers.rack_came_from("stolen", f"192.0.2.{number}:1")
    known = [number for number in range(256) if strangers.may_come(f"192.0.2.{number}")]
    assert known == [*range(100 - MOST_ADDRESSES_OF_RACK, 100), 200]


def test_an_address_of_two_racks_stays_known_when_one_of_them_has_moved_on():
    strangers = full()
    for rack in ("one", "two"):
        strangers.rack_came_from(rack, "192.0.2.1:1")
    for number in range(MOST_ADDRESSES_OF_RACK):
        strangers.rack_came_from("one", f"198.51.100.{number}:1")
    assert strangers.may_come("192.0.2.1")


def test_who_came_before_its_address_was_known_leaves_where_it_came_in():
    strangers = Strangers()
    (early,) = those_from("192.0.2.1", 1)
    strangers.came(early)
    strangers.rack_came_from("rack0001", early.peer_address)
    strangers.left(early)
    assert (strangers._where_racks_are, dict(strangers._from_network)) == (0, {})


def test_who_left_or_was_recognised_counts_no_more_however_often_it_is_told():
    strangers = Strangers()
    here = those_from("2001:db8::1", MOST_FROM_ONE_ADDRESS)
    for each in here:
        strangers.came(each)
    for _ in range(3):
        strangers.left(here[0])
    assert strangers.may_come("2001:db8::1")
    assert len(strangers) == MOST_FROM_ONE_ADDRESS - 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3))))
def test_it_counts_those_who_came_and_did_not_leave(story):
    strangers, here = Strangers(), {}
    people = {(host, who): Someone(f"10.0.0.{host}:{who}") for host in range(6) for who in range(4)}
    for comes, host, who in story:
        if comes and (host, who) not in here:
            here[host, who] = people[host, who]
            strangers.came(people[host, who])
        elif not comes:
            here.pop((host, who), None)
            strangers.left(people[host, who])
    assert len(strangers) == len(here)
