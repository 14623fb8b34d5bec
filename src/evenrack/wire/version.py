"""The versions of the conversation that this program speaks, and what an older rack is not told."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from attrs import evolve

from evenrack.model.bmc import Bmc
from evenrack.model.identifiers import BmcId
from evenrack.model.json_form import has_later
from evenrack.model.power import SENT_ONCE, BmcTarget, PowerOrder, PowerOutcome

PROTOCOL = 3
"""What this program speaks. Raised when a command changes so that the other end must know."""

PLANS_IN_PARTS = 3
"""From this version on a rack takes large plans in parts (`OfferPlan`)."""

UNRECORDED_ORDERS = 3
"""From this version on a rack can be told that an order may have gone further than its phase."""

EVERY_BMC = 3
"""From this version on a rack can be told of every BMC, and of every order. Older ones know those
with an IPv4 address and the driver `ipmitool` alone, and nothing that is sent once."""

UNREADABLE_SECONDS = 30.0
"""How much longer than its time an order that has begun is left to its rack, which can no longer
read it: told of it before, it may be at it, and turn on what is off. A `cycle` is finished within
20 s, and a conversation with a BMC takes 10 s."""

BOOT_DEVICES = 3
"""From this version on a rack can be told from where a machine is to start."""

OLDEST_RACK_PROTOCOL = 2
"""The oldest rack that a region still serves: racks may be one version behind."""


def order_for(protocol: int, order: PowerOrder) -> PowerOrder | None:
    """Give an order as a rack can read it; None where an older one cannot.

    It would end the link on which it is told more. Nothing is left out that changes what is done.
    """
    told = order if protocol >= UNRECORDED_ORDERS else evolve(order, unrecorded=False)
    if _boots_too_new(protocol, order):
        return None
    is_readable = protocol >= EVERY_BMC or (
        isinstance(order.access.address, IPv4Address)
        and order.action not in SENT_ONCE
        and not has_later(told)
        and not has_later(told.access)
    )
    return told if is_readable else None


def too_old(protocol: int, order: PowerOrder, hostname: str) -> PowerOutcome:
    """Tell what comes of an order that its rack cannot read: another one may take it.

    One that has begun is asked about again until its rack has surely finished or left it. With a
    boot device this rack never was at it, so that another one may go on at once.
    """
    boots = _boots_too_new(protocol, order)
    sent = order.phase != "NEW" and not boots
    what = f"have a machine start from {order.boot}" if boots else "do this"
    return PowerOutcome(
        result="unknown" if sent else "failed",
        state="unknown",
        error=f"{hostname} has an older version, which cannot {what} (it speaks version "
        f"{protocol} of the conversation, this region {PROTOCOL}): upgrade it",
        retryable=not sent or order.seconds_left > -UNREADABLE_SECONDS,
        sent=sent,
    )


def _boots_too_new(protocol: int, order: PowerOrder) -> bool:
    return order.boot is not None and protocol < BOOT_DEVICES


def knows(protocol: int, bmc: Bmc) -> bool:
    """Tell whether a rack can read what is ordered of this BMC."""
    as_of_old = Bmc(
        id=bmc.id,
        name=bmc.name,
        driver="ipmitool",
        address=bmc.address,
        port=bmc.port,
        user=bmc.user,
        cipher_suite=bmc.cipher_suite,
    )
    return protocol >= EVERY_BMC or (isinstance(bmc.address, IPv4Address) and bmc == as_of_old)


def bmcs_for(
    protocol: int, targets: Iterable[BmcTarget], bmcs: Mapping[BmcId, Bmc]
) -> tuple[BmcTarget, ...]:
    """Leave out of what a rack is to try to reach what it could not read, or not carry out."""
    return tuple(target for target in targets if knows(protocol, bmcs[target.bmc]))
