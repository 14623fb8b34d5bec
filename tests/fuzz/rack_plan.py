"""A plan of any form is read whole, and written as it was; or it is a ValueError."""

import json
from ipaddress import IPv4Address

from evenrack.balance.rack_plans import dhcp_plan_for
from evenrack.model.bmc_host import HostName
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import BmcId, ProcessId, RackId
from evenrack.model.power import BmcTarget
from evenrack.model.rack_plan import RackPlan, rack_plan_from_json, rack_plan_to_json
from tests.dhcp_fleet import dhcp_fleet, rack_id


def _form(plan):
    return json.dumps(rack_plan_to_json(plan)).encode()


def _plan(**more):
    return RackPlan(
        rack=RackId("rack0001"),
        number=FleetNumber(1, 7),
        managed_by=ProcessId("region1/1"),
        **more,
    )


SEEDS = (
    _form(_plan()),
    _form(_plan(dhcp=dhcp_plan_for(dhcp_fleet({1: [1, 2]}, services={1: (1, 2)}), rack_id(1)))),
    _form(_plan(bmcs=(BmcTarget(bmc=BmcId(1), address=IPv4Address("10.9.0.1")),))),
    _form(_plan(bmcs=(BmcTarget(bmc=BmcId(1), address=HostName("bmc1.example.com")),))),
)
WORDS = sorted({word.encode() for word in rack_plan_to_json(_plan())} | {b'"', b"[", b"{", b"null"})


def run(data):
    """ValueError and nothing else; what was read means the same when it is read again."""
    try:
        plan = rack_plan_from_json(json.loads(data))
    except (ValueError, RecursionError):  # of json itself; `wire.arguments` makes one of it
        return
    again = rack_plan_from_json(json.loads(_form(plan)))
    if again != plan or again.fingerprint != plan.fingerprint:
        raise AssertionError("written and read again it is another plan")
