"""Links by rack: what is replaced is as if all had been grouped anew."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import LinkId, ProcessId, RackId
from evenrack.model.links import Link, Links, grouped

LINKS = st.builds(
    Link,
    id=st.integers(0, 99).map(lambda number: LinkId(f"{number:02}")),
    rack=st.sampled_from("abc").map(RackId),
    process=st.sampled_from(["r1/1", "r1/2", "r2/1"]).map(ProcessId),
)


@given(st.lists(LINKS))
def test_links_are_grouped_by_rack_and_none_is_lost(links):
    of_racks = grouped(links)
    assert sorted(of_racks, key=str) == sorted(links, key=str)
    assert len(of_racks) == len(links)
    for rack, reach in of_racks.reach.items():
        assert list(reach) == sorted({link.process for link in links if link.rack == rack})


@given(st.lists(LINKS), st.lists(LINKS), st.sets(st.sampled_from("abc")))
def test_replacing_the_links_of_some_racks_leaves_those_of_the_others(before, after, racks):
    new = {rack: tuple(link for link in after if link.rack == rack) for rack in racks}
    replaced = grouped(before).replaced(new)
    kept = [link for link in before if link.rack not in racks]
    assert replaced == grouped([*kept, *(link for links in new.values() for link in links)])


def test_what_is_grouped_already_stays_the_same_object():
    links = grouped([Link(id=LinkId("a"), rack=RackId("a"), process=ProcessId("r1/1"))])
    assert grouped(links) is links
    assert grouped([]) == Links()
