"""The links that a process holds, by rack."""

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.connected_racks import ConnectedRacks


@define(eq=False)
class Link:
    link: object = field(factory=object)
    rack: str = field(default="rack0001")


def test_m7_closing_one_of_two_links_leaves_the_other():
    connected, first, second = ConnectedRacks(), Link(), Link()
    connected.add(first)
    connected.add(second)
    assert connected.links_of("rack0001") == (first, second)
    connected.remove(first)
    assert connected.links_of("rack0001") == (second,)
    assert connected.racks() == ["rack0001"]


def test_a_rack_without_a_link_is_not_connected():
    connected, link = ConnectedRacks(), Link()
    connected.remove(link)
    connected.add(link)
    connected.remove(link)
    connected.remove(link)
    assert connected.racks() == []
    assert connected.links_of("rack0001") == ()


LINKS = [Link(f"rack000{number % 3}") for number in range(7)]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(LINKS))))
def test_whatever_comes_and_goes_the_links_are_those_that_came_and_did_not_go(steps):
    connected, there = ConnectedRacks(), []
    for comes, link in steps:
        if comes and link not in there:
            connected.add(link)
            there.append(link)
        elif not comes:
            connected.remove(link)
            there = [other for other in there if other is not link]
    assert connected.all_links() == sorted(there, key=lambda link: link.rack)
    assert connected.racks() == sorted({link.rack for link in there})
