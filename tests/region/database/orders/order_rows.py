"""Power orders in PostgreSQL on two racks and three machines, and what is done with them."""

from ipaddress import IPv4Address

import pytest

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.region.database.bmc_reading import find
from evenrack.region.database.bmc_store import NewSecret, Wish, create
from evenrack.region.database.order_cancelling import cancel_order
from evenrack.region.database.order_reading import read_orders
from evenrack.region.database.order_store import (
    Ending,
    end_order,
    enter_orders,
    read_unfinished,
    record_phase,
    take_order,
)
from evenrack.region.sealing import Sealer
from tests.region.database.sessions import facts, joined, recorded

ONE, TWO = "rack0001", "rack0002"
SEALER = Sealer(
    keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)), token_bytes=lambda n: b"t" * n
)
OK = Ending(result="ok", state="on", told=True)
STEP = ("NEW", "OFF_SENT")


@pytest.fixture
def fleet(sessions):
    """Two racks, and three machines."""
    me = joined(sessions)
    recorded(sessions, me, facts(ONE, "link1"), facts(TWO, "link2", hostname="rack2"))
    for number in (1, 2, 3):
        fields = {
            "name": f"b{number}",
            "driver": "ipmitool",
            "address": IPv4Address("10.9.0.0") + number,
            "user": "admin",
        }
        clear = NewSecret(clear=Secret(b"word"), sealer=SEALER)
        wish = Wish(fields=fields, password=clear)
        sessions.run(lambda c, wish=wish: create(c, "bmc", wish))
        wish = Wish(fields={"name": f"m{number}"}, bmc=f"b{number}")
        sessions.run(lambda c, wish=wish: create(c, "machine", wish))
    return sessions


def machine(fleet, name):
    return fleet.run(lambda c: find(c, "machine", name)).value


def entered(fleet, *names, action="cycle", boot=None):
    machines = [machine(fleet, name) for name in names or ("m1",)]
    return fleet.run(lambda c: enter_orders(c, machines, action, "operator", boot))


def unfinished(fleet):
    return fleet.run(read_unfinished)


def taken(fleet, rack=ONE, place=0):
    """Let a rack take an unfinished order; gives it as it is then."""
    order = unfinished(fleet)[place]
    assert fleet.run(lambda c: take_order(c, order, rack))
    return unfinished(fleet)[place]


def noted(fleet, order, step=STEP, rack=None, attempt=None):
    who = rack or order.rack
    number = order.attempt if attempt is None else attempt
    return fleet.run(lambda c: record_phase(c, who, order.id, number, step))


def ended(fleet, order, ending=OK):
    return fleet.run(lambda c: end_order(c, order, ending))


def shown(fleet, **wanted):
    return fleet.run(lambda c: read_orders(c, **wanted))


def steps(fleet):
    return [(step["step"], step["rack"], step["attempt"]) for step in shown(fleet)[-1]["steps"]]


def cancelled(fleet, number):
    return fleet.run(lambda c: cancel_order(c, number, "somebody"))
