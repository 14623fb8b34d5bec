"""What a partner does not acknowledge is known to it when it is little and stays so."""

import pytest

from evenrack.rack.acknowledging import ACKNOWLEDGED_TOGETHER, SETTLED_SECONDS, Acknowledging

FEW, MANY = ACKNOWLEDGED_TOGETHER - 1, ACKNOWLEDGED_TOGETHER


def looked(*looks):
    """Give what is said last, after looks at these counts: (seconds, {VLAN: count})."""
    acknowledging = Acknowledging()
    return [acknowledging.behind(unshared, now) for now, unshared in looks][-1]


@pytest.mark.parametrize(
    ("looks", "behind"),
    [
        (((100.0, {}),), 0),
        (((100.0, {1: 1}),), 1),
        (((100.0, {1: FEW}), (100.0 + SETTLED_SECONDS, {1: FEW})), 0),
        (((100.0, {1: FEW}), (99.9 + SETTLED_SECONDS, {1: FEW})), FEW),
        (((100.0, {1: 3}), (100.5, {1: 2}), (100.5 + SETTLED_SECONDS / 2, {1: 2})), 2),
        (((100.0, {1: MANY}), (200.0, {1: MANY})), MANY),
        (((100.0, {1: FEW, 2: FEW}), (101.0, {1: FEW, 2: FEW})), 0),
        (((100.0, {1: 1, 2: MANY}), (200.0, {1: 1, 2: MANY})), 1 + MANY),
    ],
    ids=[
        "nothing",
        "a moment",
        "few, settled",
        "not yet",
        "still moving",
        "many",
        "few of each pair",
        "many of one",
    ],
)
def test_m12_few_that_stay_are_known(looks, behind):
    assert looked(*looks) == behind
