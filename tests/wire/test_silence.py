"""A link ends by itself when the other end is silent, on either side, and not a moment before."""

import pytest

from tests.wire.both_ends import RACK, Link


def test_m19_after_3_seconds_of_silence_either_end_cuts_the_link_by_itself():
    link = Link().introduce()
    link.world.advance(10.0)
    link.wire.cut()
    link.world.advance(1.9)
    assert link.region.is_open
    assert link.rack.is_open
    link.world.advance(1.2)
    assert not link.region.is_open
    assert not link.rack.is_open
    assert link.desk.told[-1] == ("gone", RACK)
    assert link.memory.lost == [link.rack]


def test_pings_keep_a_link_alive_for_hours():
    link = Link().introduce()
    link.world.advance(120.0)
    assert not link.wire.is_gone
    assert link.desk.told == [("admit", RACK)]


def test_bytes_that_are_no_whole_command_yet_count_as_heard():
    link = Link().introduce()
    link.rack.dataReceived(b"\x00\x04_a")
    for _ in range(6):
        link.wire.client_end.bufferReceived(b"")
        link.world.advance(1.0)
    assert not link.wire.is_gone


def test_a_link_that_is_cut_leaves_no_call_behind_on_either_end():
    link = Link().introduce()
    link.wire.cut()
    link.world.advance(4.0)
    assert link.wire.is_gone
    assert link.world.clock.getDelayedCalls() == []


@pytest.mark.parametrize("end", ["region", "rack"])
def test_one_end_that_hangs_is_cut_by_the_other(end):
    link = Link().introduce()
    hung = link.wire.server_end if end == "region" else link.wire.client_end
    hung.bufferReceived = lambda data: None  # it takes bytes and answers nothing
    link.world.advance(4.2)
    assert link.wire.is_gone


def test_cutting_or_closing_a_link_twice_is_cutting_it_once():
    link = Link().introduce()
    for _ in range(2):
        link.region.cut("once")
        link.region.close()
        link.region.abort()
    link.world.settle()
    assert link.wire.is_gone
    link.region.cut("after its end")
    link.region.close()
    assert link.desk.told == [("admit", RACK), ("gone", RACK)]
