"""Strangers: a flood is cut where it comes from, and everybody else is let in."""

from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.strangers import MOST_FROM_ONE_ADDRESS, MOST_STRANGERS, Strangers


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
