"""A dhcpd that is asked by OMAPI: real ones in a pair, and strangers that are no dhcpd."""

import os
import signal

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from evenrack.errors import DhcpServerSilent
from evenrack.rack.dhcp.omapi import Omapi
from evenrack.rack.dhcp.omapi_access import OmapiAccess
from tests.rack.dhcp.two_racks import CABLE, KEY, OTHER_KEY, RELATION

STARTUP = bytes.fromhex("0000006400000018")
"""What each end says first: version 100, headers of 24 bytes."""
BEFORE_ITS_PEER_COMES = {"startup", "recover"}
"""It goes on to the second after some seconds."""


async def start_pair(racks):
    for rack, role in zip(racks, ("primary", "secondary"), strict=True):
        await rack.program().restart(rack.text(role), [CABLE])
    for rack in racks:
        await rack.until_state("normal")


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_each_side_of_a_pair_tells_its_state(racks):
    await start_pair(racks)
    told = await racks[0].ask(["states", [RELATION, "other"]], ["states", []])
    assert told["answers"] == [{RELATION: "normal", "other": "unknown"}, {}]


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_m16_both_sides_tell_the_mclt_the_secondary_that_of_the_primary(racks):
    await start_pair(racks)
    for rack in racks:
        told = await rack.ask(["mclt", RELATION], ["mclt", "other"])
        assert told["answers"][0] == 60
        assert "does not tell the mclt of other" in told["answers"][1]["words"]


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
@pytest.mark.parametrize("algorithm", ["hmac-md5", "hmac-sha256"])
async def test_both_ends_sign_with_the_algorithm_that_is_asked_for(racks, algorithm):
    rack = racks[0]
    await rack.program().restart(rack.text("primary", algorithm=algorithm), [CABLE])
    told = await rack.ask(["states", [RELATION]], algorithm=algorithm)
    assert told["answers"][0][RELATION] in BEFORE_ITS_PEER_COMES


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_a_survivor_that_restarts_is_put_back_into_its_state_at_once(racks):
    first, second = racks
    await start_pair(racks)
    await second.program().stop()
    await first.until_state("communications-interrupted")
    await first.program().restart(first.text("primary"), [CABLE])
    told = await first.ask(
        ["states", [RELATION]],
        ["set", RELATION, "communications-interrupted"],
        ["states", [RELATION]],
        ["set", RELATION, "partner-down"],
        ["states", [RELATION]],
    )
    states = [answer[RELATION] for answer in told["answers"] if answer is not None]
    assert states == ["startup", "communications-interrupted", "partner-down"]


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_m12_who_is_paused_is_so_over_a_restart_in_the_other_role_until_told_to_go_on(racks):
    """So `rack.hand_over` gives a role away; its partner serves, and nothing waits for mclt."""
    await start_pair(racks)
    old, new = racks
    await old.ask(["set", RELATION, "paused"])
    await new.until_state("communications-interrupted")
    await old.program().restart(old.text("secondary"), [CABLE])
    assert await old.state() == "startup", "its peer has not followed"
    await new.program().restart(new.text("primary"), [CABLE])
    await old.until_state("paused")
    await new.until_state("communications-interrupted")
    assert await new.partner() == "paused"
    await new.ask(["set", RELATION, "normal"])  # the old one knows every lease
    await old.until_partner("normal")
    await old.ask(["set", RELATION, "communications-interrupted"])
    await new.until_partner("communications-interrupted")
    await new.ask(["set", RELATION, "communications-interrupted"])
    for rack in racks:
        await rack.until_state("normal")


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_m12_who_was_paused_and_whose_partner_is_gone_goes_on_at_once(racks):
    await start_pair(racks)
    old, new = racks
    await old.ask(["set", RELATION, "paused"])
    await new.until_state("communications-interrupted")
    await old.program().restart(old.text("secondary"), [CABLE])
    await new.program().stop()
    await old.program().restart(old.text("primary"), [CABLE])
    told = await old.ask(
        ["states", [RELATION]],
        ["set", RELATION, "communications-interrupted"],
        ["states", [RELATION]],
    )
    states = [answer[RELATION] for answer in told["answers"] if answer is not None]
    assert states == ["startup", "communications-interrupted"]


@pytest.mark.slow
@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_who_restarts_for_a_partner_that_never_comes_is_in_recover(racks):
    """By that the regions know that it serves nobody, and may serve alone again."""
    first = racks[0]
    await first.program().restart(first.text("alone"), [CABLE])
    await first.program().restart(first.text("primary"), [CABLE])
    await first.until_state("recover")


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_nothing_is_set_that_dhcpd_does_not_have_or_would_die_of(racks):
    rack = racks[0]
    await rack.program().restart(rack.text("primary"), [CABLE])
    told = await rack.ask(
        ["set", "other", "partner-down"],
        *(["set", RELATION, state] for state in ("startup", "down", "77")),
        ["states", [RELATION]],
    )
    errors = [answer.get("error") for answer in told["answers"]]
    assert errors == ["DhcpServerSilent", "ValueError", "ValueError", "ValueError", None]
    assert "no failover relation other" in told["answers"][0]["words"]


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_a_wrong_key_is_told_and_no_key_is_shown_or_logged(racks):
    rack = racks[0]
    await rack.program().restart(rack.text("primary"), [CABLE])
    told = await rack.ask(["states", [RELATION]], key=OTHER_KEY)
    assert told["answers"][0]["error"] == "DhcpServerSilent"
    assert "its key is not ours" in told["answers"][0]["words"]
    told = await rack.ask(["states", [RELATION]], algorithm="hmac-md5")
    assert "does not accept our key" in told["answers"][0]["words"]
    told = await rack.ask(["states", [RELATION]])
    assert told["answers"][0][RELATION] in BEFORE_ITS_PEER_COMES
    assert "address" not in told["logged"]
    assert not any(key in str(told) for key in (KEY, OTHER_KEY))
    access = OmapiAccess(port=1, key=KEY)
    assert KEY not in f"{Omapi(access, reactor)!r} {access!r}"


@pytest.mark.dhcpd
@pytest.mark.deadline(180)
async def test_a_dhcpd_that_hangs_or_is_gone_is_silent_and_answers_again_later(racks):
    rack = racks[0]
    program = rack.program()
    await program.restart(rack.text("primary"), [CABLE])
    os.kill(rack.pid(), signal.SIGSTOP)
    told = await rack.ask(["states", [RELATION]], ["set", RELATION, "partner-down"], seconds=0.2)
    assert [answer["error"] for answer in told["answers"]] == ["DhcpServerSilent"] * 2
    assert all("no answer within 0.2 s" in answer["words"] for answer in told["answers"])
    os.kill(rack.pid(), signal.SIGCONT)
    assert await rack.state() in {"startup", "recover"}
    await program.stop()
    told = await rack.ask(["states", [RELATION]])
    assert "Connection refused" in told["answers"][0]["words"]


class Stranger(Protocol):
    """Whoever else listens on the port."""

    def connectionMade(self):
        self.factory.open_now += 1
        self.factory.most_open = max(self.factory.most_open, self.factory.open_now)
        self.transport.write(self.factory.says_first)
        if self.factory.hangs_up:
            self.transport.loseConnection()

    def dataReceived(self, data):
        # our first words, which are as long as its own, are not a request
        if data != STARTUP and self.factory.answers:
            self.transport.write(self.factory.answers)

    def connectionLost(self, reason):
        self.factory.open_now -= 1


@pytest.fixture
def stranger():
    """Give a function that starts one and gives the client that asks it."""
    ports = []

    def start(says_first=b"", *, hangs_up=False, answers=b"", seconds=5.0):
        factory = Factory.forProtocol(Stranger)
        factory.noisy = False
        factory.open_now = factory.most_open = 0
        factory.says_first, factory.hangs_up, factory.answers = says_first, hangs_up, answers
        ports.append(reactor.listenTCP(0, factory, interface="127.0.0.1"))
        access = OmapiAccess(port=ports[-1].getHost().port, key=KEY)
        return factory, Omapi(access, reactor, seconds=seconds)

    yield start
    for port in ports:
        pytest_twisted.blockon(maybeDeferred(port.stopListening))


UNSIGNED = bytes.fromhex("00000000 00000000 00000003 00000007 00000001")
TO_SOMETHING_ELSE = UNSIGNED + bytes.fromhex("00000009 0000 0000")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"says_first": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "does not speak OMAPI"),
        ({"hangs_up": True}, "closed the connection"),
        ({"says_first": STARTUP, "hangs_up": True}, "closed the connection"),
        ({"says_first": STARTUP, "answers": TO_SOMETHING_ELSE}, "answer to something else"),
        ({"says_first": STARTUP, "answers": b"\xff" * 200_000}, "does not speak OMAPI"),
        ({"says_first": STARTUP, "seconds": 0.1}, r"no answer within 0\.1 s"),
        ({"seconds": 0.1}, r"no answer within 0\.1 s"),
    ],
)
async def test_a_stranger_on_the_port_is_no_answer(stranger, behaviour, words):
    _, omapi = stranger(**behaviour)
    with pytest.raises(DhcpServerSilent, match=words):
        await omapi.failover_states([RELATION])


async def test_dhcpd_is_never_asked_two_things_at_once(stranger):
    factory, omapi = stranger(STARTUP, seconds=0.1)
    asked = [Deferred.fromCoroutine(omapi.failover_states([RELATION])) for _ in range(4)]
    for answer in asked:
        with pytest.raises(DhcpServerSilent):
            await answer
    assert factory.most_open == 1


async def test_a_question_that_is_cancelled_is_given_up_and_does_not_block_the_next(stranger):
    factory, omapi = stranger(STARTUP, seconds=5)
    first = Deferred.fromCoroutine(omapi.failover_states([RELATION]))
    second = Deferred.fromCoroutine(omapi.failover_states([RELATION]))
    while factory.open_now != 1:
        await deferLater(reactor, 0.01)
    first.cancel()
    with pytest.raises(CancelledError):
        await first
    second.cancel()
    with pytest.raises(CancelledError):
        await second
    while factory.open_now:
        await deferLater(reactor, 0.01)
