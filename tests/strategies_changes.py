"""Hypothesis strategies for VLANs as they were and as they are later."""

from attrs import evolve
from hypothesis import strategies as st

from evenrack.model.identifiers import ReservationId
from evenrack.model.network import Reservation
from evenrack.model.plan_outline import content_of
from evenrack.model.vlan_change import change_between
from tests.strategies_dhcp import addresses, dhcp_plans, host_names

PLACES = range(1, 12)
"""Of reservations in a subnet: so many ids of it may be in use, before or later."""

contents = dhcp_plans().filter(bool).map(lambda plan: content_of(plan[0].vlan))


@st.composite
def histories(draw):
    """A VLAN and the same one later, or some other VLAN; what it relays changes as well."""
    before, after = (draw(dhcp_plans().filter(bool))[0].vlan for _ in range(2))
    before = with_reservations(draw, before)
    if draw(st.integers(0, 3)) == 0:
        return before, with_reservations(draw, after)
    return before, with_reservations(draw, evolve(before, name=after.name))


def with_reservations(draw, vlan):
    """Change, add and remove reservations in all its subnets, in the order of their ids."""
    relayed = tuple(with_reservations(draw, each) for each in vlan.relayed)
    nets = tuple(evolve(net, reservations=later(draw, net)) for net in vlan.subnets)
    return evolve(vlan, relayed=relayed, subnets=nets)


def later(draw, net):
    known = {it.id: it for it in net.reservations}
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=4, unique=True)):
        number = ReservationId(net.id * 100 + place)
        if number in known and draw(st.booleans()):
            del known[number]
        else:
            known[number] = Reservation(
                id=number,
                mac=f"02:ab:00:00:{net.id % 256:02x}:{place:02x}",
                address=draw(addresses),
                hostname=draw(host_names),
            )
    return tuple(known[number] for number in sorted(known))


vlan_changes = histories().map(lambda history: change_between(*history))
