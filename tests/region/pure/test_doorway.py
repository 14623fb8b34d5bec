"""A full door says so once, with the count, however many it turns away."""

import pytest
from attrs import define
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from evenrack.region.links.rack_listener import TOLD_EACH_SECONDS, Doorway
from evenrack.region.links.strangers import MOST_FROM_ONE_ADDRESS, Strangers
from evenrack.trust.tls import RegionTls
from tests.trusted import authority, region_identity

FLOODER, OTHER = "192.0.2.1", "198.51.100.1"


@define(eq=False)
class Someone:
    peer_address: str


@pytest.fixture
def lines():
    found = []

    def note(event):
        if event.get("log_namespace", "").endswith("Doorway"):
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    yield found
    globalLogPublisher.removeObserver(note)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def strangers():
    """So many that no more may come from one address."""
    strangers = Strangers()
    for number in range(MOST_FROM_ONE_ADDRESS):
        strangers.came(Someone(f"{FLOODER}:{number}"))
    return strangers


@pytest.fixture
def dial(clock, strangers):
    tls = RegionTls(region_identity(), [authority().certificate])
    doorway = Doorway(tls, Factory(), strangers, clock)
    return lambda host: doorway.buildProtocol(IPv4Address("TCP", host, 4711))


def test_a_flood_is_told_once_and_the_number_of_those_turned_away_a_minute_later(
    dial, clock, lines
):
    for _ in range(500):
        assert dial(FLOODER) is None
    (line,) = lines
    assert f"the last from {FLOODER}: 128 have not said who they are, 128 of them" in line
    clock.advance(TOLD_EACH_SECONDS)
    dial(FLOODER)
    assert lines[1].startswith("refused 500 connections")
    assert len(lines) == 2


def test_the_number_is_told_too_when_only_those_come_who_may(dial, clock, lines, monkeypatch):
    for _ in range(3):
        dial(FLOODER)
    clock.advance(TOLD_EACH_SECONDS)
    monkeypatch.setattr(Factory, "buildProtocol", lambda *_: None)
    dial(OTHER)
    assert lines[1].startswith("refused 2 connections")
    clock.advance(TOLD_EACH_SECONDS)
    dial(OTHER)
    assert len(lines) == 2
