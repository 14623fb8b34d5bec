"""Links to running processes: what a look gives is as if it were the first."""

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import LinkId, ProcessId, RackId
from evenrack.model.links import Link, Links, grouped
from evenrack.model.live_links import LiveLinks

PROCESSES = st.sampled_from(["r1/1", "r1/2", "r2/1"]).map(ProcessId)
RUNNING = st.dictionaries(PROCESSES, st.integers(1, 2))
RECORDED = st.lists(
    st.builds(
        Link,
        id=st.integers(0, 99).map(lambda number: LinkId(f"{number:02}")),
        rack=st.sampled_from("abc").map(RackId),
        process=PROCESSES,
        incarnation=st.integers(1, 2),
    )
)


@given(st.lists(st.tuples(RECORDED, RUNNING), min_size=1))
def test_each_look_gives_the_links_to_the_processes_that_run(looks):
    live = LiveLinks()
    for recorded, running in looks:
        found = live.among(grouped(recorded).by_rack, running)
        assert found == grouped(
            [link for link in recorded if running.get(link.process) == link.incarnation]
        )


def test_what_did_not_change_stays_the_same_object():
    live, running = LiveLinks(), {ProcessId("r1/1"): 1}
    one, other = (
        Link(LinkId(rack), RackId(rack), ProcessId("r1/1"), incarnation=1) for rack in "ab"
    )
    recorded = {one.rack: (one,), other.rack: (other,)}
    first = live.among(recorded, running)
    assert live.among(recorded, dict(running)) is first
    second = live.among({**recorded, one.rack: ()}, running)
    assert second.by_rack[other.rack] is recorded[other.rack]
    assert live.among(recorded, {}) == Links()
