"""The file for IPv6 is made when its plan changes, and beside the reactor's thread."""

import threading
from ipaddress import IPv4Address

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.dhcp_plan import dhcp_plan_from_json
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ReservationId
from evenrack.model.json_form import to_json
from evenrack.model.network import Reservation
from evenrack.rack.dhcp.both_families import BothFamilies
from evenrack.rack.dhcp.dhcpd6_conf import dhcpd6_conf
from evenrack.rack.dhcp.written_vlans6 import WrittenVlans6
from tests.rack.dhcp.golden_plans6 import MACHINES, PLANS6, serving6, subnet6
from tests.rack.dhcp.test_both_families import Four
from tests.rack.dhcp.test_server6 import Host, vlan


class Hosts(tuple):
    """Reservations that note who reads them: whether it was the reactor's thread."""

    __slots__ = ()
    readings = []

    def __iter__(self):
        self.readings.append(threading.current_thread() is threading.main_thread())
        return super().__iter__()


def watched(number=1, half="lower"):
    """A VLAN of which is known when its reservations are read, as writing its text needs."""
    Hosts.readings = []
    net = subnet6(number, ("100", "1ff"), machines=MACHINES)
    return serving6(evolve(net, hosts=Hosts(net.hosts)), number=number, half=half)


async def test_a_plan_that_stays_is_written_once_and_beside_the_reactors_thread():
    plan = (watched(),)
    host = Host(*plan)
    await host.server.want(plan)
    for _ in range(3):
        await host.later()
    assert host.server.serves(plan)
    assert Hosts.readings == [False]
    assert "host h6-100" in host.dhcpd.text


async def test_of_a_new_plan_only_what_changed_of_ipv6_is_written():
    kept, other = watched(1), vlan(2)
    host = Host(kept, other)
    await host.server.want((kept, other))
    Hosts.readings.clear()
    four = Reservation(
        id=ReservationId(9), mac="52:54:00:00:00:09", address=IPv4Address("10.1.0.9")
    )
    (net,) = kept.vlan.subnets
    with_one_more = evolve(
        kept,
        vlan=evolve(kept.vlan, subnets=(evolve(net, reservations=(four,)),)),
        number=FleetNumber(1, 99),
    )
    newer = (with_one_more, vlan(2, "upper"))
    await host.server.check(newer)
    await host.server.want(newer)
    assert Hosts.readings == []
    assert host.dhcpd.text == dhcpd6_conf(newer)


async def test_what_both_servers_prepare_is_not_written_in_the_reactors_thread_afterwards():
    plan = (watched(),)
    host = Host(*plan)
    both = BothFamilies(Four(has=plan), host.server)
    await both.prepare(plan)
    assert not both.serves(plan), "the one for IPv6 has nothing yet"
    await both.check(plan)
    await both.restart(plan, ["eth1"])
    await both.follow(plan)
    newer = (evolve(plan[0], half="upper"),)
    await both.keep_hosts(newer)
    await host.server.look(newer, is_served=True)
    assert Hosts.readings == [False, False]
    assert host.dhcpd.text == dhcpd6_conf(newer)


async def test_a_vlan_that_went_is_forgotten():
    first, second = watched(), vlan(2)
    host = Host(first, second)
    await host.server.want((first, second))
    await host.server.want((second,))
    assert len(Hosts.readings) == 1
    await host.server.want((first, second))
    assert len(Hosts.readings) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(set(PLANS6) - {"nasty"})), st.booleans(), st.booleans()),
        max_size=6,
    )
)
def test_whatever_was_written_before_the_file_is_the_same(steps):
    written = WrittenVlans6()
    for name, is_held, forgets in steps:
        as_it_came = dhcp_plan_from_json(to_json(PLANS6[name]))
        held = [it.vlan.id for it in as_it_came] if is_held else []
        for plan in (PLANS6[name], as_it_came):
            text = written.file(plan, held)
            assert text == dhcpd6_conf(plan, held=held)
            assert written.known(plan, held) is text
        if forgets:
            written.forget_others(as_it_came)
