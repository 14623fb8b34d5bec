"""Whatever a region sends: the rack's real end of a link answers, or the link is closed."""

import json
from ipaddress import IPv4Address

from evenrack.model.identifiers import BmcId, OrderId, VlanId
from evenrack.model.json_form import to_json
from evenrack.model.network import Vlan
from evenrack.model.plan_outline import outline_of
from evenrack.model.power import BmcAccess, PowerOrder, power_order_to_json
from evenrack.model.rack_plan import rack_plan_from_json
from evenrack.wire import rack_commands
from tests.fuzz.amp_boxes import RAW, bytes_of, commands_of, seed, words_of
from tests.fuzz.rack_plan import SEEDS as PLANS
from tests.wire.both_ends import Link

COMMANDS = commands_of(rack_commands)
WORDS = words_of(COMMANDS)

ORDER = PowerOrder(
    id=OrderId(7),
    attempt=2,
    bmc=BmcId(1),
    access=BmcAccess(
        address=IPv4Address("10.9.0.1"),
        user="u",
        password="p",  # noqa: S106  of no BMC
        cipher_suite=17,
    ),
    action="cycle",
    phase="OFF_SENT",
    seconds_left=9.5,
)


def _outline(plan):
    """The outline of a plan, both as JSON."""
    outline = outline_of(rack_plan_from_json(json.loads(plan)))
    return json.dumps(to_json(outline)).encode()


CONTENT = json.dumps({"sha256": "0" * 64, "length": 7}).encode()
CHANGE = json.dumps(
    {"vlan": to_json(Vlan(id=VlanId(1), name="v")), "subnets": [{"subnet": 1, "removed": [7]}]}
).encode()

SEEDS = (
    *(seed(COMMANDS, rack_commands.ApplyPlan, plan) for plan in PLANS),
    *(seed(COMMANDS, rack_commands.OfferPlan, _outline(plan)) for plan in PLANS),
    seed(COMMANDS, rack_commands.TakeVlan, b"0" * 64, b"7", b"0", b"{}"),
    seed(COMMANDS, rack_commands.ChangeVlan, CONTENT, CONTENT, CHANGE),
    seed(COMMANDS, rack_commands.TakeTurn, b"ab", b"True"),
    seed(COMMANDS, rack_commands.TakePartnerDown, b"7", b"rack0002"),
    seed(COMMANDS, rack_commands.ProbeAddresses, b'["10.1.0.2"]'),
    seed(COMMANDS, rack_commands.EndRecoverWait, b"7", b"rack0002"),
    seed(COMMANDS, rack_commands.PowerBmc, json.dumps(power_order_to_json(ORDER)).encode()),
    seed(COMMANDS, rack_commands.ReadLeases, b'{"networks": ["10.1.0.0/24"], "after": null}'),
    seed(COMMANDS, rack_commands.ReadServed, b"ab", b"60000"),
    RAW + bytes_of(seed(COMMANDS, rack_commands.TakeTurn, b"ab", b"True"), COMMANDS),
    RAW + b"\x00\x00",
)


def run(data):
    """Nothing escapes, and the link can be ended."""
    link = Link().introduce()
    link.wire.server_end.write(bytes_of(data, COMMANDS))
    link.world.settle()
    link.region.abort()
    link.world.advance(0.2)
    if link.rack.is_open:
        raise AssertionError("the link does not end")
