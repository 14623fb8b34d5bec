"""The links that a process holds, by rack."""

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from evenrack.region.links.connected_racks import MOST_LINKS_OF_RACK, ConnectedRacks
from evenrack.wire.version import EVERY_BMC


@define(eq=False)
class Link:
    link: object = field(factory=object)
    rack: str = field(default="rack0001")
    silence: float = 0.0
    is_cut: bool = False
    why: str = ""
    protocol: int = EVERY_BMC

    def cut(self, reason):
        self.is_cut, self.why = True, reason


def with_links(*silences):
    """As many links of one rack as it may have, of which the last have been silent."""
    connected, links = ConnectedRacks(), [Link() for _ in range(MOST_LINKS_OF_RACK)]
    for link in links:
        connected.add(link)
    for link, silence in zip(reversed(links), silences, strict=False):
        link.silence = silence
    return connected, links


def test_a_rack_has_so_many_links_that_answer_and_no_more_and_other_racks_feel_nothing():
    connected, links = with_links(0.4, 0.3)
    assert not connected.make_room("rack0001")
    assert not any(link.is_cut for link in links)
    assert connected.make_room("rack0002")
    connected.remove(links[0])
    assert connected.make_room("rack0001")


def test_a_rebooted_rack_is_not_shut_out_by_its_dead_links_the_longest_silent_gives_way():
    connected, links = with_links(0.6, 0.9, 0.7)
    assert connected.make_room("rack0001")
    assert [link for link in links if link.is_cut] == [links[-2]]
    assert "silent" in links[-2].why
    connected.add(Link())  # in its place, though the one that is cut is still there for a moment
    assert connected.make_room("rack0001")
    assert [link for link in links if link.is_cut] == [links[-3], links[-2]]


def test_m7_closing_one_of_two_links_leaves_the_other():
    connected, first, second = ConnectedRacks(), Link(), Link()
    connected.add(first)
    connected.add(second)
    assert connected.links_of("rack0001") == (first, second)
    connected.remove(first)
    assert connected.links_of("rack0001") == (second,)
    assert connected.racks() == ["rack0001"]


def test_which_racks_are_older_says_the_link_that_speaks_for_each():
    connected, old, new = ConnectedRacks(), Link(protocol=EVERY_BMC - 1), Link()
    other = Link(rack="rack0002", protocol=EVERY_BMC - 1)
    for link in (old, new, other):
        connected.add(link)
    first = connected.older
    assert first == {}
    connected.admit(old, recorded=True)
    connected.admit(other, recorded=True)
    seen = connected.older
    assert seen == {"rack0001": EVERY_BMC - 1, "rack0002": EVERY_BMC - 1}
    connected.admit(new, recorded=True)  # it was upgraded
    assert connected.older == {"rack0002": EVERY_BMC - 1}
    connected.remove(new)
    assert connected.older == seen
    connected.doubt(old)
    connected.remove(other)
    assert connected.older == {}
    assert (first, len(seen)) == ({}, 2)  # others read them beside the reactor's thread


def test_m8_what_is_meant_for_a_rack_goes_to_its_newest_recorded_link_or_else_to_the_newest():
    connected, links = ConnectedRacks(), [Link() for _ in range(4)]
    for link in links:
        connected.add(link)
    assert connected.newest_admitted("rack0001") is None
    connected.admit(links[0], recorded=False)
    connected.admit(links[1], recorded=False)
    assert connected.newest_admitted("rack0001") is links[1]
    assert not connected.is_recorded(links[1])
    connected.admit(links[0], recorded=True)
    assert connected.newest_admitted("rack0001") is links[0]
    connected.admit(links[2], recorded=True)
    connected.admit(links[3], recorded=False)
    assert connected.newest_admitted("rack0001") is links[2]
    connected.doubt(links[2])
    connected.remove(links[0])
    assert connected.newest_admitted("rack0001") is links[3]
    assert not any(map(connected.is_recorded, links))


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
