"""A state for the balancer, of any content: an answer, or one line that says what is wrong.

The answer, given back, moves nothing.
"""

import json

from attrs import evolve

from evenrack.balance.solve import solve
from evenrack.balance.state_file import SpreadState, StateRefused, read_state

SPREAD = {
    "kind": "spread",
    "theta": 0.1,
    "gap": 2,
    "bins": [
        {"id": "region1/1", "host": "region1"},
        {"id": "region1/2", "host": "region1", "capacity": 0},
        {"id": "region2/1", "host": "region2", "capacity": 1},
    ],
    "items": [
        {"id": f"rack{n}", "reach": ["region1/1", "region1/2", "region2/1"], "owner": "region1/1"}
        for n in range(5)
    ]
    + [{"id": "rack5", "reach": ["region1/2", "gone"], "owner": "gone"}],
}
PAIRS = {
    "kind": "pairs",
    "racks": [{"id": "rack1", "domain": "a"}, {"id": "rack2", "domain": "b"}, {"id": "rack3"}],
    "vlans": [
        {"id": "vlan1", "attached": ["rack1", "rack2"], "primary": "rack1", "secondary": "rack2"},
        {
            "id": "vlan2",
            "attached": ["rack1", "rack2", "rack3"],
            "primary": "gone",
            "secondary": "rack3",
            "pinned": ["secondary"],
        },
        {"id": "vlan3", "attached": [], "primary": None, "secondary": None, "pinned": []},
    ],
}
SEEDS = tuple(json.dumps(state).encode() for state in (SPREAD, PAIRS))
WORDS = sorted(
    {word.encode() for state in (SPREAD, PAIRS) for word in state}
    | {word.encode() for state in (SPREAD["bins"][0], SPREAD["items"][0]) for word in state}
    | {word.encode() for word in PAIRS["vlans"][1]}
    | {b"spread", b"pairs", b"null", b"1e308", b"1e-308", b"-0.0", b'"', b"[", b"{"}
)


def run(data):
    """StateRefused and nothing else; an answer is JSON, and final."""
    try:
        state = read_state(data.decode("utf-8", "replace"))
    except StateRefused as refusal:
        if "\n" in str(refusal):
            raise AssertionError("it is refused in more than one line") from None
        return
    answer = solve(state)
    json.dumps(answer).encode()
    if solve(_answered(state, answer))["moves"]:
        raise AssertionError("the answer, given back, moves something")


def _answered(state, answer):
    """The state in which all is as the answer says."""
    if isinstance(state, SpreadState):
        items = tuple(evolve(item, owner=answer["owners"][item.id]) for item in state.items)
        return evolve(state, items=items)
    roles = {vlan: (pair["primary"], pair["secondary"]) for vlan, pair in answer["pairs"].items()}
    vlans = tuple(
        evolve(vlan, primary=roles[vlan.id][0], secondary=roles[vlan.id][1]) for vlan in state.vlans
    )
    return evolve(state, vlans=vlans)
