"""The prober by a clock that the test moves: who asks when, and which waits are told."""

import itertools
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from evenrack.lab.traffic.newcomers import Pace, newcomer_mac
from evenrack.lab.traffic.prober import NEW_CLIENTS, Prober, made_up_mac
from evenrack.lab.traffic.wait import LONG_SECONDS
from evenrack.model.dhcp_packets import Kind
from tests.lab.traffic.dhcp_server_side import ADDRESS, SERVER, answer_to, read_question

HOLDER = made_up_mac(1, 0)
TURN = 0.05
NOBODY = Pace(per_second=1, most=0)
DISCOVER, REQUEST, RELEASE = b"\x01", b"\x03", b"\x07"


class Vlan:
    """A VLAN with one prober and one server, whose answers the test decides."""

    def __init__(self, newcomers=NOBODY):
        self.now = 1000.0
        self.lines = []
        self.ledger = []
        numbers = itertools.count(1)
        self.prober = Prober(
            1,
            transaction=lambda: next(numbers),
            tell=self.lines.append,
            record=self.ledger.append,
            newcomers=newcomers,
        )
        self.asked = []
        """Each question with the time when it was asked."""

    def run(self, seconds, answers=lambda question: None):
        """Go on for so long; `answers` gives the kind of answer to a question."""
        end = self.now + seconds
        while self.now < end - TURN / 2:
            self._turn(answers)
            self.now += TURN

    def _turn(self, answers):
        frames = self.prober.tick(self.now)
        while frames:
            frame, *frames = frames
            question = read_question(frame)
            self.asked.append((self.now, question))
            kind = answers(question)
            if kind is not None:
                frames += self.prober.heard(answer_to(frame, kind), self.now)

    def asked_by(self, mac):
        return [(at, question) for at, question in self.asked if question.mac == mac]


def serve(question):
    return Kind.OFFER if question.options[53] == DISCOVER else Kind.ACK


def serve_holder_only(question):
    return serve(question) if question.mac == HOLDER else None


def kinds(lines, key):
    return [line["kind"] for line in lines if key in line]


def test_a_new_client_appears_every_200_ms_each_with_its_own_address():
    vlan = Vlan()
    vlan.run(2, serve)
    new = [(at, question.mac) for at, question in vlan.asked if question.mac != HOLDER]
    assert len(new) == len({mac for _, mac in new}) == 10
    assert [round((at - 1000) / 0.2) for at, _ in new] == list(range(10))
    vlan.run(10, serve)
    assert len({question.mac for _, question in vlan.asked}) == NEW_CLIENTS + 1
    assert len({question.transaction for _, question in vlan.asked_by(new[0][1])}) > 1


def test_addresses_of_two_client_hosts_differ_and_are_nobodys():
    macs = {made_up_mac(client, number) for client in (1, 99) for number in range(21)}
    assert len(macs) == 42
    assert {mac[0] & 0b11 for mac in macs} == {0b10}


def test_a_client_asks_again_each_second_with_growing_seconds_until_it_is_answered():
    vlan = Vlan()
    vlan.run(4.6)
    mac = made_up_mac(1, 1)
    asked = vlan.asked_by(mac)
    assert [(round(at - 1000), question.seconds) for at, question in asked] == [
        (second, second) for second in range(5)
    ]
    assert len({question.transaction for _, question in asked}) == 1


def test_an_answer_is_told_with_its_wait_its_server_and_the_address():
    vlan = Vlan()
    vlan.run(1, serve)
    assert vlan.lines[0] == {
        "mono": 1000.0,
        "kind": "discover",
        "wait": 0.0,
        "mac": made_up_mac(1, 1).hex(":"),
        "server": str(SERVER),
        "address": str(ADDRESS),
    }
    vlan.run(2)
    vlan.run(2, serve)
    longest = max(line["wait"] for line in vlan.lines)
    assert 2 - 2 * TURN <= longest <= 3


def test_before_any_server_answered_nothing_is_lost_and_no_wait_is_told():
    vlan = Vlan()
    vlan.run(100.5)
    assert vlan.lines == []
    vlan.run(3, serve)
    assert {line["wait"] <= TURN for line in vlan.lines} == {True}
    assert len(vlan.lines) >= NEW_CLIENTS
    assert kinds(vlan.lines, "lost") == kinds(vlan.lines, "waiting") == []


def test_an_outage_is_told_while_it_goes_on_and_what_is_lost_after_30_s():
    vlan = Vlan()
    vlan.run(5, serve)
    served = len(vlan.lines)
    vlan.run(2)
    during = vlan.lines[served:]
    assert set(kinds(during, "waiting")) == {"discover"}
    assert {
        LONG_SECONDS <= line["wait"] <= LONG_SECONDS + 0.1 for line in during if "waiting" in line
    } == {True}
    vlan.run(26)
    assert kinds(vlan.lines, "lost") == []
    # the round of addresses began within 4 s, and who is lost makes room for a new client
    vlan.run(10)
    lost = [line for line in vlan.lines if "lost" in line]
    assert sorted(kinds(lost, "lost")) == ["discover"] * NEW_CLIENTS + ["rebind"]
    assert {30 <= line["wait"] <= 30.1 for line in lost} == {True}
    assert len(kinds(vlan.lines, "waiting")) == 2 * (NEW_CLIENTS + 1)


def test_the_long_lived_client_takes_a_lease_and_has_it_prolonged_every_2_s():
    vlan = Vlan()
    vlan.run(9, serve)
    assert vlan.prober.held == {ADDRESS: HOLDER}
    asked = [question for _, question in vlan.asked_by(HOLDER)]
    assert [question.options[53] for question in asked] == [DISCOVER, *[REQUEST] * 5]
    assert asked[1].options[50] == ADDRESS.packed
    assert {question.in_use for question in asked[2:]} == {ADDRESS}
    assert [line["kind"] for line in vlan.lines].count("rebind") == 4


def test_a_rebinding_broadcast_is_repeated_and_its_wait_told():
    vlan = Vlan()
    vlan.run(3, serve)
    vlan.run(3.5)
    vlan.run(2, serve)
    rebound = [line for line in vlan.lines if line["kind"] == "rebind" and "server" in line]
    assert 2 <= max(line["wait"] for line in rebound) <= 4
    assert "rebind" in kinds(vlan.lines, "waiting")
    assert kinds(vlan.lines, "lost") == []


def test_a_lease_that_ran_out_while_nobody_answered_is_asked_for_anew():
    vlan = Vlan()
    vlan.run(1, serve)
    asked_before = len(vlan.asked_by(HOLDER))
    vlan.run(700)
    assert vlan.asked_by(HOLDER)[asked_before][1].options[53] == REQUEST
    assert vlan.asked_by(HOLDER)[-1][1].options[53] == DISCOVER
    assert vlan.prober.held == {}
    vlan.run(2, serve)
    assert vlan.prober.held == {ADDRESS: HOLDER}


def test_a_refusal_is_an_answer_and_the_client_begins_anew_after_a_pause():
    vlan = Vlan()
    vlan.run(1, serve)
    refuse = {DISCOVER: Kind.OFFER, REQUEST: Kind.NAK}
    vlan.run(2, lambda question: refuse[question.options[53]])
    assert [line["refused"] for line in vlan.lines if line["kind"] == "rebind"] == [True]
    assert vlan.prober.held == {}
    refused = len(vlan.asked_by(HOLDER))
    vlan.run(10, lambda question: refuse[question.options[53]])
    assert len(vlan.asked_by(HOLDER)) - refused <= 12  # at most two each 2 s
    vlan.run(4, serve)
    assert vlan.prober.held == {ADDRESS: HOLDER}


def test_an_offer_that_is_not_kept_is_given_up_for_another():
    vlan = Vlan()
    vlan.run(9, lambda question: Kind.OFFER if question.options[53] == DISCOVER else None)
    sent = [question.options[53] for _, question in vlan.asked_by(HOLDER)]
    assert sent[:6] == [DISCOVER, *[REQUEST] * 4, DISCOVER]
    assert vlan.prober.held == {}


def test_answers_that_are_nobodys_or_of_another_kind_change_nothing():
    vlan = Vlan()
    vlan.run(1, serve)
    frames = vlan.prober.tick(vlan.now) + vlan.prober.tick(vlan.now + 2.1)
    before = list(vlan.lines)
    for frame in frames:
        wrong = Kind.ACK if read_question(frame).options[53] == DISCOVER else Kind.OFFER
        assert vlan.prober.heard(answer_to(frame, wrong), vlan.now) == []
        stranger = bytes([*frame[:70], *b"strang", *frame[76:]])
        vlan.prober.heard(answer_to(stranger, Kind.OFFER), vlan.now)
    assert vlan.prober.heard(b"garbage", vlan.now) == []
    assert vlan.lines == before


@given(st.lists(st.tuples(st.floats(0.05, 40), st.booleans()), max_size=6))
def test_every_wait_that_is_told_as_long_ends_as_answered_or_lost(phases):
    vlan = Vlan()
    for seconds, served in [*phases, (3, True)]:
        vlan.run(seconds, serve if served else lambda question: None)
    open_waits = set()
    for line in vlan.lines:
        client = (line["kind"], line["mac"])
        if "waiting" in line:
            assert client not in open_waits
            open_waits.add(client)
        else:
            open_waits.discard(client)
            assert 0 <= line["wait"] <= 30.1
    assert open_waits == set()


def test_only_the_long_lived_client_holds_an_address():
    vlan = Vlan()
    vlan.run(1)
    assert vlan.prober.held == {}
    vlan.run(3, serve_holder_only)
    assert vlan.prober.held == {IPv4Address("10.101.0.100"): HOLDER}


def test_every_acknowledgement_is_written_down_whoever_it_is_for():
    vlan = Vlan()
    vlan.run(1, serve)
    assert [(line["kind"], line["mac"]) for line in vlan.ledger] == [
        ("acknowledged", HOLDER.hex(":"))
    ]
    frame, *_ = vlan.prober.tick(vlan.now + 1)
    stranger = frame[:70] + b"strang" + frame[76:]
    vlan.prober.heard(answer_to(stranger, Kind.ACK, lease_seconds=7), vlan.now)
    assert vlan.ledger[-1] == {
        "mono": vlan.now,
        "kind": "acknowledged",
        "mac": b"strang".hex(":"),
        "address": str(ADDRESS),
        "server": str(SERVER),
        "lease": 7,
    }
    vlan.prober.heard(answer_to(frame, Kind.OFFER), vlan.now)
    assert len(vlan.ledger) == 2


def test_a_holder_that_is_refused_has_its_address_no_more():
    vlan = Vlan()
    vlan.run(1, serve)
    vlan.run(2, lambda question: Kind.NAK if question.mac == HOLDER else None)
    assert [line["kind"] for line in vlan.ledger] == ["acknowledged", "released"]
    assert (vlan.ledger[-1]["mac"], vlan.ledger[-1]["address"]) == (HOLDER.hex(":"), str(ADDRESS))


def test_a_few_newcomers_come_and_go_and_are_not_counted():
    vlan = Vlan(Pace(per_second=2, hold_seconds=1.0))
    vlan.run(5, lambda question: None if question.options[53] == RELEASE else serve(question))
    first = newcomer_mac(1, 1).hex(":")
    assert [line["kind"] for line in vlan.ledger if line["mac"] == first] == [
        "acknowledged",
        "released",
    ]
    assert len({line["mac"] for line in vlan.ledger}) == 11
    assert {line["kind"] for line in vlan.lines} == {"discover", "rebind"}
