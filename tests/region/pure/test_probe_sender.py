"""What becomes of a rack's answer whether a host runs, also where it gives none."""

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.protocols import amp

from evenrack.errors import ProbeRefused
from evenrack.model.dhcp_probe import MOST_PROBED, MOST_WHY_CHARACTERS, Probe, ProbeAnswer
from evenrack.model.identifiers import VlanId
from evenrack.region.errands.rack_errands import TOO_OLD
from evenrack.region.power import probe_sender
from evenrack.region.power.probe_sender import ProbeSender
from tests.dhcp_fleet import PROCESS, address_of, rack_id


class Link:
    """To a rack that answers, or does not."""

    rack = rack_id(3)

    def __init__(self, problem=None):
        self.problem = problem
        self.asked = []

    async def probe(self, addresses):
        self.asked.append(addresses)
        if self.problem is not None:
            raise self.problem
        return tuple(ProbeAnswer(address=address, found="silent") for address in addresses)


class Database:
    """Runs what is to be written without a connection."""

    async def run(self, work):
        return work(None)


@pytest.fixture
def noted(monkeypatch):
    answers = []
    monkeypatch.setattr(
        probe_sender, "note_answers", lambda _, probes, told: answers.append((probes, told))
    )
    return answers


def about(*targets):
    return [
        Probe(vlan=VlanId(1), asked=rack_id(3), target=rack_id(n), address=address_of(1, n))
        for n in targets
    ]


def tell(link, probes):
    sender = ProbeSender(Database(), None, PROCESS, Clock())
    failures = []
    Deferred.fromCoroutine(sender.tell(link, probes)).addErrback(failures.append)
    return failures


def test_what_a_rack_found_is_noted(noted):
    link = Link()
    tell(link, about(1, 2))
    assert link.asked == [(address_of(1, 1), address_of(1, 2))]
    ((probes, answers),) = noted
    assert probes == about(1, 2)
    assert [answer.found for answer in answers] == ["silent", "silent"]


def test_no_address_is_asked_about_twice_and_not_too_many_at_once(noted):
    link = Link()
    many = [
        Probe(vlan=VlanId(1), asked=rack_id(3), target=rack_id(1), address=IPv4Address(n))
        for n in range(MOST_PROBED + 1)
    ]
    tell(link, many)
    assert [len(asked) for asked in link.asked] == [MOST_PROBED, 1]
    tell(link, about(1, 1))
    assert link.asked[-1] == (address_of(1, 1),)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (ProbeRefused("not beside it " * 20), ("not beside it " * 20)[:MOST_WHY_CHARACTERS]),
        (amp.UnhandledCommand("UNHANDLED", "unknown"), TOO_OLD[:MOST_WHY_CHARACTERS]),
    ],
    ids=["refused", "too old"],
)
def test_rule_5_a_rack_that_does_not_ask_has_found_nothing(noted, problem, why):
    assert not tell(Link(problem), about(1))
    ((_, (answer,)),) = noted
    assert (answer.found, answer.why) == ("unknown", why)


def test_an_answer_that_got_lost_is_none(noted):
    with suppress(ConnectionError):
        assert tell(Link(ConnectionError("gone")), about(1))
    assert noted == []
