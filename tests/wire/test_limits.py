"""What one peer may make the other end hold is bounded; over it that peer is cut, with a reason."""

import pytest
from twisted.internet.defer import Deferred
from twisted.protocols import amp

from evenrack.model.dhcp_report import MOST_TEXT_CHARACTERS, DhcpReport, VlanError
from evenrack.region.links.rack_session import (
    MOST_BYTES_OF_RACK,
    MOST_BYTES_OF_STRANGER,
    MOST_PENDING_OF_RACK,
)
from evenrack.trust.tls import Peer
from evenrack.wire.region_commands import Ping, ReportDhcp, ReportLostLink
from tests.trusted import OpenDoor
from tests.wire.both_ends import Desk, Link, World

KEY_BYTES = 200


def send_parts_of_a_box(link, size):
    """Send keys and values of a box that never ends, until so much was sent or the link is cut."""
    value = bytes(60_000)
    sent = 0
    while sent < size and not link.wire.is_gone:
        key = f"{sent:0{KEY_BYTES}}".encode()
        for part in (key, value):
            link.rack.transport.write(len(part).to_bytes(2, "big") + part)
        sent += len(key) + len(value)
        link.world.settle()


def test_a_rack_that_sends_a_box_without_end_is_cut(logged):
    link = Link().introduce()
    send_parts_of_a_box(link, 2 * MOST_BYTES_OF_RACK)
    assert link.wire.is_gone
    assert any(f"a box of more than {MOST_BYTES_OF_RACK} bytes" in line for line in logged())


def test_a_stranger_may_send_less():
    link = Link()
    send_parts_of_a_box(link, 2 * MOST_BYTES_OF_STRANGER)
    assert link.wire.is_gone
    assert len(link.wire.from_client) < 100_000


def test_many_boxes_one_after_the_other_are_no_large_box():
    link = Link().introduce()
    for _ in range(40):
        link.ask(link.rack.callRemoteString(b"Nonsense", filling=bytes(60_000)))
    assert not link.wire.is_gone


def test_more_commands_than_can_be_answered_cut_the_link(logged):
    link = Link().introduce()

    async def never(*_):
        await Deferred()

    link.region._reception = link.desk.reception(lost=never)
    for _ in range(MOST_PENDING_OF_RACK):
        link.rack.callRemote(ReportLostLink, link="x").addErrback(lambda _: None)
    link.world.settle()
    assert not link.wire.is_gone
    link.rack.callRemote(ReportLostLink, link="x").addErrback(lambda _: None)
    link.world.settle()
    assert link.wire.is_gone
    reason = f"has {MOST_PENDING_OF_RACK} commands that are not answered"
    assert any(reason in line for line in logged())


def test_large_commands_that_wait_for_their_answers_cut_the_link(logged):
    link = Link().introduce()

    async def never(*_):
        await Deferred()

    link.region._reception = link.desk.reception(dhcp=never)
    errors = tuple(VlanError(vlan=n, error="x" * MOST_TEXT_CHARACTERS) for n in range(850))
    report = DhcpReport(errors=errors)
    for _ in range(2):
        link.rack.callRemote(ReportDhcp, report=report).addErrback(lambda _: None)
        link.world.settle()
        assert not link.wire.is_gone
    link.rack.callRemote(ReportDhcp, report=report).addErrback(lambda _: None)
    link.world.settle()
    assert link.wire.is_gone
    assert any("bytes in commands that are not answered" in line for line in logged())


def test_large_commands_one_after_the_other_stay():
    link = Link().introduce()
    errors = tuple(VlanError(vlan=n, error="x" * MOST_TEXT_CHARACTERS) for n in range(850))
    for _ in range(5):
        link.ask(link.rack.callRemote(ReportDhcp, report=DhcpReport(errors=errors))).value()
    assert not link.wire.is_gone


def test_answered_commands_do_not_count():
    link = Link().introduce()
    for _ in range(3 * MOST_PENDING_OF_RACK):
        link.ask(link.rack.callRemote(Ping)).value()
    assert not link.wire.is_gone


@pytest.mark.parametrize("who", ["rack", "region"])
def test_nobody_can_begin_tls_within_tls(who):
    link = Link().introduce()
    asks = link.rack if who == "rack" else link.region
    outcome = link.ask(asks.callRemoteString(amp.StartTLS.commandName))
    assert isinstance(outcome.error(), amp.UnhandledCommand)


def test_strangers_are_counted_until_they_are_recognised_or_gone():
    world = World()
    desk = Desk(world=world, door=OpenDoor(lambda _: Peer(rack=None)))
    reception = desk.reception()
    links = [Link(desk=desk, reception={"strangers": reception.strangers}) for _ in range(3)]
    assert len(reception.strangers) == 3
    links[0].rack.abort()
    world.settle()
    assert len(reception.strangers) == 2
    desk.door.who = OpenDoor().who
    links[1].introduce()
    assert len(reception.strangers) == 1
    world.advance(6)
    assert len(reception.strangers) == 0
