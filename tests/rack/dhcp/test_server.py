"""From a plan to the text that dhcpd is given: where it is written, how often, and when not."""

import threading

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor

from benchmarks.many_reservations import plan_with
from evenrack.errors import DhcpConfigurationRefused, DhcpServerSilent, ProgramFailed
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.vlan_change import change_between
from evenrack.rack.dhcp import dhcpd_conf as writer
from evenrack.rack.dhcp import written_vlans
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf, vlan_text
from evenrack.rack.dhcp.server import IscDhcpServer
from evenrack.rack.dhcp.written_vlans import WrittenVlans
from evenrack.rack.good_part import good_part
from evenrack.runtime.thinking import think_beside
from tests.rack.dhcp.golden_plans import OMAPI, PLANS, service, subnet
from tests.strategies_changes import histories
from tests.strategies_dhcp import as_peer_has_it, dhcp_plans, vlan_services

PLAN = PLANS["primary-and-secondary"]
BAD = service(subnet(9, hostnames=("half a character: \ud800",)))
WORDS = "the hostname of reservation 900 has half a character (a surrogate)"


@define
class Program:
    """A dhcpd that takes every text."""

    text: str | None = None
    checked: list = field(factory=list)

    def running(self):
        return self.text is not None

    def current_text(self):
        return self.text

    async def check(self, text):
        self.checked.append(text)

    async def restart(self, text, _interfaces):
        self.text = text


@pytest.fixture
def program():
    return Program()


@pytest.fixture
def server(program):
    return IscDhcpServer(program, None, OMAPI, think_beside(reactor))


@pytest.fixture
def written(monkeypatch):
    """Each VLAN that was written: its id, and whether the reactor's thread did it."""
    done = []

    def write(it, before=None):
        done.append((it.vlan.id, threading.current_thread() is threading.main_thread()))
        return vlan_text(it, before)

    monkeypatch.setattr(written_vlans, "vlan_text", write)
    return done


async def test_what_is_checked_is_what_is_served(server, program):
    await server.check(PLAN)
    assert not server.serves(PLAN)
    await server.restart(PLAN, ["eth1"])
    assert program.checked == [program.text] == [dhcpd_conf(PLAN, OMAPI)]
    assert server.serves(PLAN)
    assert not server.serves(PLAN[:1])
    assert not server.serves(())


async def test_each_vlan_is_written_once_and_beside_the_reactors_thread(server, written):
    await server.prepare(PLAN)
    await server.check(PLAN)
    await server.restart(PLAN, ["eth1"])
    assert server.serves(PLAN)
    renumbered = tuple(evolve(it, number=FleetNumber(1, 99)) for it in PLAN)
    await server.check(renumbered)
    assert written == [(1, False), (2, False)]


async def test_of_a_new_plan_only_what_changed_is_written(server, written):
    await server.restart(PLAN, ["eth1"])
    written.clear()
    newer = (PLAN[0], service(subnet(2, hostnames=("new",))))
    await server.check(newer)
    await server.check(PLAN)  # as when the new one is refused
    await server.restart(newer, ["eth1"])
    assert written == [(2, False)]


async def test_vlans_that_are_not_served_any_more_are_forgotten(server, written):
    await server.restart(PLAN, ["eth1"])
    await server.restart(PLAN[:1], ["eth1"])
    await server.restart(PLAN, ["eth1"])
    assert written == [(1, False), (2, False), (2, False)]


async def test_m9_a_vlan_that_cannot_be_written_is_refused_and_harms_no_other(server, program):
    await server.prepare((*PLAN, BAD))
    with pytest.raises(
        DhcpConfigurationRefused, match=r"^the hostname of reservation 900 has half"
    ):
        await server.check((*PLAN, BAD))
    assert program.checked == []
    good, errors = await good_part(server, (*PLAN, BAD), PLAN[:1])
    assert good == PLAN
    assert errors == {9: WORDS}


async def test_what_cannot_be_written_is_not_served_and_not_started(server, program):
    program.text = "what was served before"
    assert not server.serves((BAD,))
    with pytest.raises(ProgramFailed, match="half a character"):
        await server.restart((BAD,), ["eth1"])
    assert program.text == "what was served before"


async def test_whether_a_partner_is_heard_is_read_anew_each_time_and_not_known_without(tmp_path):
    sockets = tmp_path / "tcp"
    server = IscDhcpServer(None, None, OMAPI, think_beside(reactor), sockets=sockets)
    pair = PLAN[0]
    with pytest.raises(DhcpServerSilent, match="tcp: No such file"):
        await server.hears_partner(pair)
    heard = []
    for peer in (pair.peer.address, pair.peer.address + 1):
        ends = [f"{int.from_bytes(it.packed, 'little'):08X}:0287" for it in (pair.address, peer)]
        sockets.write_text(f"head\n 0: {ends[0]} {ends[1]} 01\n")
        heard.append(await server.hears_partner(pair))
    assert heard == [True, False]
    assert not await server.hears_partner(evolve(pair, peer=None, role="alone"))
    assert not await IscDhcpServer(None, None, OMAPI, think_beside(reactor)).hears_partner(pair)


@given(st.lists(dhcp_plans(roles=("primary", "secondary")), max_size=3))
def test_whatever_was_written_before_the_file_is_the_same(plans):
    remembers = WrittenVlans()
    for plan in plans:
        for each in (plan, tuple(map(as_peer_has_it, plan)), plan[1:], plan):
            assert remembers.file(each, OMAPI) == dhcpd_conf(each, OMAPI)
        remembers.forget_others(plan)


@given(vlan_services(), histories(), st.booleans())
def test_hosts_that_stay_are_written_as_they_are_now(service, history, renews):
    """Also where a snippet for one of them is another one, or their VLAN has a subnet no more."""
    remembers = WrittenVlans()
    before, after = history
    after = change_between(before, after).applied_to(before)
    others = evolve(after, snippets=before.snippets if renews else ())
    for vlan in (before, after, others, evolve(after, subnets=()), before):
        plan = (evolve(service, vlan=evolve(vlan, id=service.vlan.id)),)
        assert remembers.file(plan, OMAPI) == dhcpd_conf(plan, OMAPI)


def test_of_many_hosts_only_the_one_that_changed_is_written(monkeypatch):
    [service] = plan_with(300, 1)
    [net] = service.vlan.subnets
    first, *others = net.reservations
    nets = (evolve(net, reservations=(evolve(first, hostname="new"), *others)),)
    newer = (evolve(service, vlan=evolve(service.vlan, subnets=nets)),)
    remembers, written = WrittenVlans(), []
    remembers.file((service,), OMAPI)
    monkeypatch.setattr(writer, "host_name", lambda it, _mac: written.append(it) or "h")
    remembers.file(newer, OMAPI)
    assert [it.hostname for it in written] == ["new"]
