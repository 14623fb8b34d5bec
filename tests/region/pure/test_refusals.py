"""A refusal is logged once for each host and reason, however often it comes back."""

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from evenrack.region.links.refusals import MOST_PEERS, Refusals


@pytest.fixture
def lines():
    found = []

    def note(event):
        if event.get("log_namespace", "").endswith("Refusals"):
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    yield found
    globalLogPublisher.removeObserver(note)


def test_the_same_refusal_of_a_host_is_logged_once_whatever_its_port(lines):
    refusals = Refusals()
    for port in range(100):
        refusals.refused(f"10.0.0.1:{port}", "wrong secret")
    assert lines == ["refused 10.0.0.1:0: wrong secret"]


def test_another_reason_or_another_host_is_news(lines):
    refusals = Refusals()
    refusals.refused("10.0.0.1:1", "wrong secret")
    refusals.refused("10.0.0.1:1", "no hello")
    refusals.refused("10.0.0.2:1", "wrong secret")
    assert len(lines) == 3


def test_ipv6_hosts_are_told_apart(lines):
    refusals = Refusals()
    refusals.refused("fd00::1:5000", "wrong secret")
    refusals.refused("fd00::2:5000", "wrong secret")
    refusals.refused("fd00::1:5001", "wrong secret")
    assert len(lines) == 2


def test_after_a_welcome_a_refusal_is_news_again(lines):
    refusals = Refusals()
    refusals.refused("10.0.0.1:1", "wrong secret")
    refusals.refused("10.0.0.2:1", "wrong secret")
    refusals.welcomed("10.0.0.1:2")
    refusals.refused("10.0.0.1:3", "wrong secret")
    refusals.refused("10.0.0.2:3", "wrong secret")
    assert len(lines) == 3


def test_a_peer_without_a_port_can_be_refused_too(lines):
    refusals = Refusals()
    for _ in range(2):
        refusals.refused("unknown", "wrong secret")
    assert len(lines) == 1


def test_it_remembers_a_limited_number_and_forgets_the_oldest(lines):
    refusals = Refusals()
    for number in range(MOST_PEERS + 1):
        refusals.refused(f"host{number}:1", "wrong secret")
    refusals.refused("host1:1", "wrong secret")
    assert len(lines) == MOST_PEERS + 1
    refusals.refused("host0:1", "wrong secret")
    assert len(lines) == MOST_PEERS + 2
