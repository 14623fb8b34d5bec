"""Which rack takes a power order, and when another one may: pure.

A BMC cannot tell an old command from a new one, so an order is taken from a rack that may have
sent one only when that rack surely sends no more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from attrs import frozen

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import BmcId, OrderId, RackId
from evenrack.model.power import SENT_ONCE, BootDevice, Phase, PowerAction, Result, deed_of

SURELY_ENDED_SECONDS = 18.0
"""After a rack was lost: its lease has ended 8 s later at most, and what it sent until then has
arrived 10 s after that."""

KNOWING_FIRST_SECONDS = 3.0
"""How much longer a process waits that began later than the order: one that was there all the time
knows whether the database was, and decides first."""

OVERDUE_SECONDS = 40.0
"""How much later than its deadline the rack that has an order may end it: it finishes a `cycle`
in 20 s, and a conversation with a BMC takes 10 s."""

MOST_ORDERS_OF_RACK = 64
"""Orders that one rack has at once. Further ones wait for it, and are given more time meanwhile:
what a rack is given it has to get done before its deadline, also with slow BMCs."""

PROLONGED_BELOW_SECONDS = 30.0
"""An order that waits for a rack is given more time when it has less than this left. While nobody
looks at it its time runs, so that no order is carried out when everybody has forgotten it."""


@frozen(kw_only=True)
class StoredOrder:
    """An unfinished power order, as the tables show it."""

    id: OrderId
    bmc: BmcId
    machine: str
    action: PowerAction
    attempt: int
    phase: Phase
    rack: RackId | None = None
    """Which rack has it."""
    tried: tuple[RackId, ...] = ()
    """Racks that could not do it, and sent nothing."""
    error: str = ""
    """What the last of these said."""
    cancelled: bool = False
    """Whether nothing more of it may be sent."""
    boot: BootDevice | None = None
    """From where the machine is to start."""
    seconds_left: float

    @property
    def deed(self) -> str:
        """Say what was ordered."""
        return deed_of(self.action, self.boot)


@frozen(kw_only=True)
class Take:
    """A rack is to take the order, as another attempt."""

    rack: RackId


@frozen(kw_only=True)
class Send:
    """The rack that has the order is to be told of it."""

    rack: RackId


@frozen(kw_only=True)
class End:
    """The order is over."""

    result: Result
    error: str


@frozen(kw_only=True)
class Wait:
    """Nothing can be done for it at this moment."""

    why: Literal[
        "no rack reaches it", "its rack may still act", "its rack has it", "its rack has many"
    ] = "its rack has it"


Step = Take | Send | End | Wait


def needs_time(order: StoredOrder, step: Step) -> bool:
    """Say whether an order that waits for its rack is to be given more time."""
    waits = isinstance(step, Wait) and step.why == "its rack has many"
    return waits and order.seconds_left < PROLONGED_BELOW_SECONDS


def next_for(
    order: StoredOrder,
    fleet: Fleet,
    *,
    away_seconds: float | None,
    orders_of: Mapping[RackId, int] = MappingProxyType({}),
    unrecorded: bool = False,
    began_later: bool = False,
) -> Step:
    """Decide what an order needs.

    `away_seconds` says for how long its rack has been lost, `orders_of` how many each rack has, and
    `unrecorded` whether a rack may have gone further than could be recorded, and `began_later`
    whether the process that asks did not see all of the order's time.
    """
    if order.rack is not None:
        if order.seconds_left < -OVERDUE_SECONDS:
            return _over(order)
        if fleet.is_connected(order.rack):
            return Send(rack=order.rack)
        surely_ended = SURELY_ENDED_SECONDS + (KNOWING_FIRST_SECONDS if began_later else 0)
        if order.phase != "NEW" and (away_seconds is None or away_seconds < surely_ended):
            return Wait(why="its rack may still act")
    if order.phase != "NEW" and _is_left_to_the_operator(order, unrecorded=unrecorded):
        return _lost(order)
    return _place(order, fleet, orders_of)


def was_under_way(order: StoredOrder, *, seconds_ago: float, of_seconds: float) -> bool:
    """Tell whether a rack had taken the order at that moment, by the time that it has in all."""
    return seconds_ago < of_seconds - order.seconds_left


def may_have_gone_further(order: StoredOrder, *, unrecorded: bool) -> bool:
    """Tell whether an order may have been carried out further than its phase tells.

    A `cycle` at OFF_SENT is finished without a record: its machine is on again then, and whoever
    goes by the phase would turn it off once more.
    """
    return unrecorded and (order.action, order.phase) == ("cycle", "OFF_SENT")


def route(fleet: Fleet, bmc: BmcId, *, without: tuple[RackId, ...] = ()) -> RackId | None:
    """Choose the rack for an order: the owner, or whoever reaches the BMC and owns the fewest."""
    candidates = [rack for rack in fleet.racks_reaching(bmc) if rack not in without]
    owner = fleet.bmc_owners.get(bmc)
    if owner in candidates:
        return owner
    return min(candidates, key=lambda rack: (fleet.owned.get(rack, 0), rack), default=None)


def _is_left_to_the_operator(order: StoredOrder, *, unrecorded: bool) -> bool:
    """Tell whether no other rack may go on with an order of which something was sent."""
    if may_have_gone_further(order, unrecorded=unrecorded):
        return True
    return order.action in SENT_ONCE or order.cancelled


def _place(order: StoredOrder, fleet: Fleet, orders_of: Mapping[RackId, int]) -> Step:
    lost = () if order.rack is None else (order.rack,)
    rack = route(fleet, order.bmc, without=(*order.tried, *lost))
    if order.seconds_left <= 0:
        return _over(order)
    is_first = order.attempt == 0
    if is_first and rack is not None and orders_of.get(rack, 0) >= MOST_ORDERS_OF_RACK:
        return Wait(why="its rack has many")
    if rack is not None:
        return Take(rack=rack)
    all_tried = not set(fleet.racks_reaching(order.bmc)) - set(order.tried)
    if order.phase == "NEW" and order.tried and all_tried:
        said = f"; the last one said: {order.error}" if order.error else ""
        return End(result="failed", error=f"no rack that reaches the BMC could do it{said}")
    return Wait(why="no rack reaches it")


def _over(order: StoredOrder) -> End:
    if order.phase == "NEW":
        return End(result="failed", error="no rack could do it in time; nothing was sent")
    return _lost(order)


def _lost(order: StoredOrder) -> End:
    was_lost = f"its rack was lost at {order.phase}"
    if order.rack is None and order.error:  # one that was to go on could not
        was_lost += f", and of the others the last one said: {order.error}"
    return End(result="unknown", error=f"{was_lost}: look at the machine before you repeat it")
