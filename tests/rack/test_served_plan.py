"""What a rack serves, piece by piece: all of it, of one plan, however it is asked."""

import json

from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_plan import dhcp_fingerprint, dhcp_plan_from_json
from evenrack.model.served_piece import MOST_PIECE_BYTES
from evenrack.rack.served_plan import ServedPlan
from tests.rack.dhcp.golden_plans import PLANS, service, subnet
from tests.strategies_dhcp import dhcp_plans

NAMES = ["x" * 400] * 200
LARGE = (service(subnet(1, hostnames=NAMES)), service(subnet(2, hostnames=NAMES)))


def told(served, most=99):
    """Ask as a region does, until there is nothing more."""
    plan, text, pieces = "", b"", 0
    while pieces < most:
        piece = served.piece(plan, len(text))
        pieces += 1
        if piece.plan != plan:
            plan, text = piece.plan, b""
        text += piece.text
        assert len(piece.text) <= MOST_PIECE_BYTES
        if not piece.more:
            return dhcp_plan_from_json(json.loads(text)), pieces
    return None, pieces


@given(dhcp_plans())
def test_a_plan_is_told_whole(plan):
    served = ServedPlan(lambda: plan)
    assert told(served) == (plan, 1)
    assert told(served)[0] == plan, "also when it is asked again"


def test_a_large_plan_comes_in_pieces():
    plan, pieces = told(ServedPlan(lambda: LARGE))
    assert plan == LARGE
    assert pieces > 2


def test_a_plan_that_takes_another_s_place_is_told_from_its_start():
    now = [LARGE]
    served = ServedPlan(lambda: now[0])
    first = served.piece("", 0)
    now[0] = PLANS["alone"]
    piece = served.piece(first.plan, len(first.text))
    assert (piece.plan, piece.more) == (dhcp_fingerprint(PLANS["alone"]), False)
    assert dhcp_plan_from_json(json.loads(piece.text)) == PLANS["alone"]


@given(st.integers(-(2**40), 2**40))
def test_wherever_a_piece_is_to_begin_it_is_of_that_plan(start):
    piece = ServedPlan(lambda: LARGE).piece(dhcp_fingerprint(LARGE), start)
    assert piece.plan == dhcp_fingerprint(LARGE)
    assert piece.more == (start + MOST_PIECE_BYTES < len(whole_text()) if start > 0 else True)


def whole_text():
    served, text = ServedPlan(lambda: LARGE), b""
    while (piece := served.piece(dhcp_fingerprint(LARGE), len(text))).more:
        text += piece.text
    return text + piece.text


def test_who_serves_nothing_says_so():
    assert told(ServedPlan(tuple)) == ((), 1)


def test_a_text_is_made_once_for_all_of_its_pieces():
    asked = []

    def applied():
        asked.append(1)
        return LARGE

    served = ServedPlan(applied)
    one = served.piece("", 0)
    kept = served._text
    served.piece(one.plan, len(one.text))
    assert served._text is kept
    told(served)
    assert served._text == b"", "the last piece was given"
