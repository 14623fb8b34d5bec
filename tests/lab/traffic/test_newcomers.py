"""New clients by a clock that the test moves: how they come, what they feel, and how they leave."""

import itertools
from ipaddress import IPv4Address

import pytest

from evenrack.lab.traffic.newcomers import Newcomers, Pace, newcomer_mac
from evenrack.lab.traffic.wait import LOST_SECONDS
from evenrack.model.dhcp_packets import Kind, read_answer
from tests.lab.traffic.dhcp_server_side import ADDRESS, SERVER, answer_to, read_question

TURN = 0.0625  # exact, so that seconds are whole ones
DISCOVER, REQUEST, RELEASE = b"\x01", b"\x03", b"\x07"
FIRST = newcomer_mac(1, 1)


class Vlan:
    """New clients and one server, whose answers the test decides."""

    def __init__(self, **pace):
        self.now = 1000.0
        self.felt, self.ledger, self.asked = [], [], []
        numbers = itertools.count(1)
        self.newcomers = Newcomers(
            1,
            Pace(**pace),
            transaction=lambda: next(numbers),
            tell=self.felt.append,
            record=self.ledger.append,
        )

    def run(self, seconds, answers):
        end = self.now + seconds
        while self.now < end - TURN / 2:
            self.send(self.newcomers.tick(self.now), answers)
            self.now += TURN

    def send(self, frames, answers=lambda question: None):
        while frames:
            frame, *frames = frames
            question = read_question(frame)
            self.asked.append(question)
            kind = answers(question)
            if kind is not None:
                frames += self.newcomers.heard(read_answer(answer_to(frame, kind)), self.now)

    def kinds(self, mac):
        return [question.options[53] for question in self.asked if question.mac == mac]


def serve(question):
    return {DISCOVER: Kind.OFFER, REQUEST: Kind.ACK}.get(question.options[53])


def nobody(question):
    return None


def test_each_takes_a_lease_has_it_for_a_while_and_gives_it_back_to_its_server():
    vlan = Vlan(per_second=1, most=1, hold_seconds=2.0)
    vlan.run(1.9, serve)
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST]
    vlan.run(0.3, serve)
    last = vlan.asked[-1]
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST, RELEASE]
    assert (last.source, last.destination, last.in_use) == (ADDRESS, SERVER, ADDRESS)
    assert last.ethernet == b"\x02\0\0\0\0\1" + FIRST
    assert last.options[54] == SERVER.packed
    (released,) = vlan.ledger
    assert (released["mac"], released["address"]) == (FIRST.hex(":"), str(ADDRESS))
    (felt,) = vlan.felt
    assert (felt["kind"], felt["wait"], felt["server"]) == ("lease", 0.0, str(SERVER))


def test_they_come_at_the_pace_that_is_wanted_and_those_of_a_long_pause_do_not_come():
    vlan = Vlan(per_second=40)
    vlan.run(2, serve)
    assert len({question.mac for question in vlan.asked}) == pytest.approx(80, abs=2)
    before = len(vlan.asked)
    vlan.now += 60
    vlan.send(vlan.newcomers.tick(vlan.now))
    assert sum(asked.options[53] == DISCOVER for asked in vlan.asked[before:]) <= 41


def test_those_who_stay_leave_together():
    vlan = Vlan(per_second=10, most=5, hold_seconds=None)
    vlan.run(60, serve)
    assert vlan.ledger == []
    assert [len(vlan.newcomers.leave(vlan.now, 3)) for _ in range(3)] == [3, 2, 0]
    assert len(vlan.ledger) == 5


def test_one_that_nobody_answers_asks_each_second_and_is_lost():
    vlan = Vlan(per_second=1, most=1)
    vlan.run(LOST_SECONDS - 1, nobody)
    assert [question.seconds for question in vlan.asked] == list(range(29))
    assert vlan.felt == []
    vlan.run(2, nobody)
    assert vlan.felt[0]["lost"]


def test_some_boot_programs_do_not_say_for_how_long_they_ask():
    vlan = Vlan(per_second=1, most=1, says_seconds=False)
    vlan.run(5, nobody)
    assert {question.seconds for question in vlan.asked} == {0}


def test_a_server_that_offers_and_is_gone_is_left_for_another():
    vlan = Vlan(per_second=1, most=1)
    vlan.run(6, lambda asked: Kind.OFFER if asked.options[53] == DISCOVER else None)
    assert vlan.kinds(FIRST) == [*[DISCOVER, *[REQUEST] * 3] * 2]


def refuse(question):
    return {DISCOVER: Kind.OFFER, REQUEST: Kind.NAK}.get(question.options[53])


def test_one_that_is_refused_begins_anew_at_once():
    vlan = Vlan(per_second=1, most=1)
    answers = iter([Kind.OFFER, Kind.NAK, Kind.OFFER, Kind.ACK])
    vlan.run(0.5, lambda asked: next(answers))
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST, DISCOVER, REQUEST]
    assert [felt["wait"] for felt in vlan.felt] == [0.0]


def test_one_that_is_refused_again_waits_for_its_next_second():
    vlan = Vlan(per_second=1, most=1)
    vlan.run(1, refuse)
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST] * 2
    vlan.run(1, refuse)
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST] * 4
    vlan.run(2, serve)
    assert len(vlan.felt) == 1


def test_a_second_refusal_of_the_same_request_is_nothing_to_one_that_begins_anew():
    vlan = Vlan(per_second=1, most=1)
    (asked,) = vlan.newcomers.tick(vlan.now)
    (requested,) = vlan.newcomers.heard(read_answer(answer_to(asked, Kind.OFFER)), vlan.now)
    refusal = read_answer(answer_to(requested, Kind.NAK))
    assert vlan.newcomers.heard(refusal, vlan.now)
    assert vlan.newcomers.heard(refusal, vlan.now) == []


def test_only_the_first_offer_is_taken_and_what_is_others_is_left():
    vlan = Vlan(per_second=1, most=1)
    (frame,) = vlan.newcomers.tick(vlan.now)
    first, second, others = (
        read_answer(answer_to(asked, Kind.OFFER, address=IPv4Address(address)))
        for asked, address in (
            (frame, "10.101.0.100"),
            (frame, "10.101.0.101"),
            (frame[:70] + b"strang" + frame[76:], "10.101.0.102"),
        )
    )
    assert vlan.newcomers.heard(others, vlan.now) == []
    (request,) = vlan.newcomers.heard(first, vlan.now)
    assert read_question(request).options[50] == first.address.packed
    assert vlan.newcomers.heard(second, vlan.now) == []


def test_the_covetous_claim_what_another_one_has_before_they_ask_for_a_lease():
    vlan = Vlan(per_second=1, most=2, covet=True)
    vlan.run(1.5, serve)
    second = [asked for asked in vlan.asked if asked.mac == newcomer_mac(1, 2)]
    claim = second[0]
    assert [asked.options[53] for asked in second] == [REQUEST, DISCOVER, REQUEST]
    assert (claim.options[50], 54 in claim.options, claim.in_use) == (
        ADDRESS.packed,
        False,
        IPv4Address(0),
    )
    assert vlan.kinds(FIRST) == [DISCOVER, REQUEST]
