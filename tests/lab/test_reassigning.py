"""P6, P11 and P30: what the drill says of moves that are too many, too few, too early or unsaid."""

import re
from types import SimpleNamespace

import pytest
from attrs import evolve

from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_roles import the_files_follow_when_it_is_back
from evenrack.lab.drill.dhcp.lost_rack import (
    Back,
    Gone,
    a_rack_gets_its_share,
    bmcs_move_after_the_hold_down,
)
from evenrack.lab.drill.dhcp.made_vlan import unfair
from evenrack.lab.drill.fleet.thresholds import Returned, only_large_differences_move
from evenrack.lab.traffic.meter import Felt


def move(name, to, what="bmc", reason="uneven"):
    return {
        "name": name,
        "what": what,
        "from": None,
        "to": to,
        "reason": reason,
        "forced": False,
    }


GONE = Gone(
    vlan="vlan1",
    rack="rack1",
    successor="rack2",
    bmcs=("b1", "b2"),
    designated_after=15.5,
    owned_after=15.5,
    owned_by={"b1": "rack2", "b2": "rack3", "b3": "rack2", "b4": "rack3"},
    moves=(move("b1", "rack2"), move("b2", "rack3")),
    felt=Felt(),
)
BACK = Back(
    rack="rack1",
    followed_after=3.0,
    felt=Felt(),
    even_after=2.0,
    wrong="",
    owned=1,
    bmcs=4,
    racks=3,
    moves=(
        move("b1", "rack1"),
        move("rack1", "region1/1", what="managing"),
    ),
)
RETURNED = Returned(
    process="region1/1",
    loads={"region1/2": 2, "region2/1": 1},
    meanwhile=(),
    even_after=2.0,
    moves=(move("rack1", "region1/1", what="managing"),),
)


def judged(check, seen, limit=20.0):
    racks = [SimpleNamespace(rack=f"rack{number}") for number in (1, 2, 3)]
    trial = SimpleNamespace(once=lambda _experiment: seen, fleet=SimpleNamespace(racks=racks))
    return check(trial, limit)


def test_what_is_well_is_measured():
    assert judged(bmcs_move_after_the_hold_down, (GONE, BACK)).seconds == 15.5
    assert judged(a_rack_gets_its_share, (GONE, BACK)).seconds == 2.0
    assert judged(only_large_differences_move, RETURNED).seconds == 2.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bmcs": ()}, "rack1 owned no BMC"),
        ({"owned_after": None, "owned_by": {"b1": "rack1"}}, "b1 is still owned by rack1"),
        ({"owned_after": 3.0}, r"others' after 3\.0 s"),
        ({"owned_after": 21.0}, r"others' after 21\.0 s"),
        ({"owned_by": dict.fromkeys(("b1", "b2", "b3", "b4"), "rack2")}, "outside the band"),
        ({"moves": (move("b1", "rack2"),)}, "no event says why b2 moved"),
    ],
)
def test_p11_bmcs_of_a_lost_rack_that_do_not_move_well_are_seen(wrong, said):
    with pytest.raises(CheckFailed, match=said):
        judged(bmcs_move_after_the_hold_down, (evolve(GONE, **wrong), BACK))


ANSWERED = Felt(answers=9, longest_wait=0.4)


def test_m12_files_that_follow_are_measured():
    back = evolve(BACK, felt=ANSWERED)
    assert judged(the_files_follow_when_it_is_back, (GONE, back)).seconds == 3.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"followed_after": None}, "rack2 is not the primary of vlan1 in its file"),
        ({"followed_after": 21.0}, r"only after 21\.0 s"),
        ({"felt": evolve(ANSWERED, longest_wait=2.5)}, r"one waited 2\.50 s"),
        ({"felt": evolve(ANSWERED, lost=1)}, "1 clients were lost"),
        ({"felt": Felt()}, "nobody was answered"),
    ],
)
def test_m12_files_that_do_not_follow_and_clients_that_wait_are_seen(wrong, said):
    with pytest.raises(CheckFailed, match=said):
        judged(
            the_files_follow_when_it_is_back, (GONE, evolve(BACK, **{"felt": ANSWERED, **wrong}))
        )


def test_p30_the_place_that_no_other_rack_took_is_its_own_again():
    why = "rack1 is there, and has every lease"
    again = move("vlan1", "rack1", what="dhcp secondary", reason=why)
    assert judged(a_rack_gets_its_share, (GONE, evolve(BACK, moves=(*BACK.moves, again))))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"even_after": None, "wrong": "rack1 owns 0"}, "rack1 connected, and rack1 owns 0"),
        ({"even_after": 21.0}, r"even only after 21\.0 s"),
        ({"moves": (move("b1", "rack2"),)}, "useless: bmc of b1 to rack2"),
        ({"moves": (move("vlan1", "rack1", what="dhcp primary"),)}, "dhcp primary of vlan1"),
        ({"moves": (move("vlan1", "rack1", what="dhcp secondary"),)}, "dhcp secondary of vlan1"),
        ({"moves": (move("rack2", "region1/1", what="managing"),)}, "managing of rack2"),
        ({"moves": [move(f"b{n}", "rack1") for n in (1, 2, 3)]}, "3 BMCs moved, 2 suffice"),
        ({"moves": (move("b1", "rack1", reason=""),)}, "no event says why b1 moved"),
    ],
)
def test_p30_a_rack_that_gets_too_much_or_too_little_is_seen(wrong, said):
    with pytest.raises(CheckFailed, match=said):
        judged(a_rack_gets_its_share, (GONE, evolve(BACK, **wrong)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"loads": {"region1/2": 4}}, "three region processes"),
        ({"meanwhile": RETURNED.moves}, r"below the threshold \(.*\), and yet: rack1 nobody -> "),
        ({"even_after": 21.0}, r"even only after 21\.00 s"),
        ({"moves": ()}, "region1/1 came back to .*, and got nothing"),
        ({"moves": (move("rack1", "region1/1", reason=""),)}, "moved without a reason"),
    ],
)
def test_p6_moves_on_the_wrong_side_of_the_threshold_are_seen(wrong, said):
    with pytest.raises(CheckFailed, match=said):
        judged(only_large_differences_move, evolve(RETURNED, **wrong))


BEFORE = {"vlan2": ("rack1", "rack2"), "vlan3": ("rack3", "rack1")}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"vlan1": ("rack2", "rack1")}, None),
        ({"vlan1": ("rack1", "rack2")}, r"rack1 was primary of 1 VLANs .* rack2 of 0"),
        ({"vlan1": ("rack2", "rack2")}, "vlan1 got rack2 and rack2"),
        ({"vlan1": ("rack2", "rack3")}, "on it are rack1, rack2"),
        ({"vlan1": ("rack2", "rack1"), "vlan2": ("rack2", "rack1")}, "vlan2 moved too"),
    ],
)
def test_p30_a_vlan_that_gets_the_wrong_racks_or_moves_others_is_seen(after, said):
    found = unfair("vlan1", BEFORE, {**BEFORE, **after}, ["rack1", "rack2"])
    assert found is None if said is None else re.search(said, found)
