"""Which BMCs nobody reaches, or one rack alone: what a look gives is as if it were the first."""

from operator import or_

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.bmc_survival import BmcSurvival, BmcSurvivalIndex, survival_of
from evenrack.model.identifiers import BmcId, RackId

RACKS = st.sampled_from("abcd").map(RackId)
BMCS = st.integers(1, 6).map(BmcId)
REACH = st.dictionaries(BMCS, st.sets(RACKS).map(sorted).map(tuple))


@st.composite
def looks(draw):
    """BMCs, whom they answer and who is connected; now and then something is as it was."""
    bmcs, answered, found = {}, {}, []
    for _ in range(draw(st.integers(1, 6))):
        bmcs = draw(st.just(bmcs) | st.sets(BMCS).map(dict.fromkeys))
        answered = draw(st.just(answered) | REACH | st.builds(or_, st.just(answered), REACH))
        found.append((bmcs, answered, draw(st.frozensets(RACKS))))
    return found


@given(looks())
def test_each_look_gives_the_bmcs_that_nobody_reaches_and_those_that_hang_on_one_rack(seen):
    index = BmcSurvivalIndex()
    for bmcs, answered, connected in seen:
        reach = {bmc: set(answered.get(bmc, ())) & connected for bmc in bmcs}
        only = [next(iter(racks)) for racks in reach.values() if len(racks) == 1]
        expected = BmcSurvival(
            unreached=tuple(sorted(bmc for bmc, racks in reach.items() if not racks)),
            alone={rack: only.count(rack) for rack in only},
        )
        assert index.follow(bmcs, answered, connected) == expected
        assert survival_of(bmcs, answered, connected) == expected


def test_nothing_that_happened_gives_the_same_object():
    index = BmcSurvivalIndex()
    bmcs, answered = {BmcId(1): None}, {BmcId(1): (RackId("a"),)}
    first = index.follow(bmcs, answered, frozenset("a"))
    assert index.follow(bmcs, answered, frozenset("ab")) is first
    assert first.alone == {"a": 1}
