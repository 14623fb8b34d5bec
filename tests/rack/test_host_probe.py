"""A rack that finds out whether hosts of other DHCP servers run, and for whom it does not."""

import socket
from contextlib import ExitStack
from errno import EHOSTUNREACH
from ipaddress import IPv4Address, IPv4Interface

import pytest
from attrs import define
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from evenrack.errors import ProbeRefused
from evenrack.model.dhcp_probe import MOST_WHY_CHARACTERS, ProbeAnswer
from evenrack.model.interface_list import Interface
from evenrack.rack.host_probe import HostProber, find_hosts, resolved
from tests.dhcp_fleet import rack_id
from tests.rack.converging import plan_of

HERE = IPv4Address("127.0.0.1")
OWN = Interface(name="eth7", address=IPv4Interface("10.7.0.3/24"))
NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
10.7.0.1         0x1         0x2         52:54:00:00:00:01     *        eth7
10.7.0.2         0x1         0x0         00:00:00:00:00:00     *        eth7
10.7.0.4         0x1         0x6         52:54:00:00:00:04     *        eth7
10.7.0.5         0x1         0x4         00:00:00:00:00:00     *        eth7
"""


@pytest.fixture
def listening():
    """A port of this host at which somebody listens, and does not ask who is there."""
    with socket.socket() as listener:
        listener.bind((str(HERE), 0))
        listener.listen(0)
        yield listener


async def found(port, address=HERE, **more):
    (answer,) = await find_hosts(reactor, [address], port=port, **more)
    return answer


async def test_a_host_on_which_the_server_listens_runs(listening):
    answer = await found(listening.getsockname()[1])
    assert answer == ProbeAnswer(address=HERE, found="connected")


async def test_a_host_on_which_no_server_listens_runs_too(listening):
    port = listening.getsockname()[1]
    listening.close()
    assert (await found(port)).found == "refused"


def fails(network, *problems):
    """Let the next connections fail, as the kernel or a reactor that lost its word says."""
    for problem in problems:
        network.tcpClients.pop()[2].clientConnectionFailed(None, Failure(problem))


async def test_who_lost_the_reason_why_a_connection_failed_asks_again():
    network = MemoryReactorClock()
    asked = Deferred.fromCoroutine(find_hosts(network, [HERE]))
    fails(network, ConnectError(), ConnectError(osError=EHOSTUNREACH))
    assert [it.found for it in await asked] == ["silent"]


async def test_who_never_hears_the_reason_does_not_ask_for_ever():
    network = MemoryReactorClock()
    asked = Deferred.fromCoroutine(find_hosts(network, [HERE]))
    fails(network, *[ConnectError(string="lost")] * 3)
    assert [it.found for it in await asked] == ["unknown"]
    assert not network.tcpClients


async def test_a_host_that_does_not_answer_is_silent_and_one_that_arp_knows_is_not(
    listening, tmp_path
):
    port = listening.getsockname()[1]
    with socket.create_connection((str(HERE), port)):  # what comes after it gets no answer
        assert (await found(port, seconds=0.1)).found == "silent"
        table = tmp_path / "arp"
        table.write_text(NEIGHBOURS.replace("10.7.0.1 ", f"{HERE} "))
        assert (await found(port, seconds=0.1, neighbours=table)).found == "resolved"


async def test_a_host_of_which_arp_cannot_be_asked_is_not_silent(listening, tmp_path):
    port = listening.getsockname()[1]
    with socket.create_connection((str(HERE), port)):
        answer = await found(port, seconds=0.1, neighbours=tmp_path / "arp")
    assert answer.found == "unknown"
    assert answer.why.startswith("No such file")
    assert len(answer.why) <= MOST_WHY_CHARACTERS


async def test_trouble_of_this_host_is_no_silence_of_another():
    answer = await found(647, IPv4Address("255.255.255.255"))
    assert answer.found == "unknown"
    assert 0 < len(answer.why) <= MOST_WHY_CHARACTERS


def test_arp_has_said_whose_an_address_is_or_has_not():
    assert resolved(NEIGHBOURS) == {IPv4Address("10.7.0.1"), IPv4Address("10.7.0.4")}
    assert resolved("") == frozenset()


@define
class Table:
    """ARP's table, which counts how often it is read."""

    words: str
    read: int = 0

    def read_text(self, encoding):
        self.read += 1
        return self.words


async def test_arp_is_asked_once_for_all_addresses(listening):
    port = listening.getsockname()[1]
    addresses = [IPv4Address(f"127.0.0.{n}") for n in (3, 2, 4)]
    words = NEIGHBOURS.replace("10.7.0.1 ", "127.0.0.3 ").replace("10.7.0.4 ", "127.0.0.4 ")
    table = Table(words)
    with ExitStack() as held:
        for address in addresses:
            listener = held.enter_context(socket.create_server((str(address), port), backlog=0))
            held.enter_context(socket.create_connection(listener.getsockname()))
        answers = await find_hosts(reactor, addresses, port=port, seconds=0.1, neighbours=table)
    assert [(str(it.address), it.found) for it in answers] == [
        ("127.0.0.3", "resolved"),
        ("127.0.0.2", "silent"),
        ("127.0.0.4", "resolved"),
    ]
    assert table.read == 1


async def test_arp_is_not_asked_when_every_host_answered(listening):
    table = Table("")
    assert (await found(listening.getsockname()[1], neighbours=table)).found == "connected"
    assert table.read == 0


# For whom


class Asked:
    """A rack with one interface, and its prober; what it asks answers when it is told to."""

    def __init__(self, plan=()):
        self.asked = []
        self.prober = HostProber(self.find, self.interfaces, lambda: plan)

    async def interfaces(self):
        return (OWN,)

    async def find(self, addresses):
        waiting = Deferred()
        self.asked.append((addresses, waiting))
        await waiting
        return tuple(ProbeAnswer(address=address, found="silent") for address in addresses)

    def probe(self, *texts):
        addresses = tuple(map(IPv4Address, texts))
        return maybeDeferred(lambda: Deferred.fromCoroutine(self.prober.probe(addresses)))

    def answer(self):
        for _, waiting in self.asked:
            if not waiting.called:
                waiting.callback(None)


def result_of(deferred):
    results = []
    deferred.addBoth(results.append)
    return results[0] if results else None


def test_all_addresses_are_asked_at_once_and_told_in_their_order():
    rack = Asked()
    probing = rack.probe("10.7.0.2", "10.7.0.1")
    ((addresses, _),) = rack.asked
    assert [str(address) for address in addresses] == ["10.7.0.2", "10.7.0.1"]
    rack.answer()
    assert [str(answer.address) for answer in result_of(probing)] == ["10.7.0.2", "10.7.0.1"]


def test_one_question_is_asked_at_a_time():
    rack = Asked()
    first, second = rack.probe("10.7.0.2"), rack.probe("10.7.0.4")
    assert len(rack.asked) == 1
    rack.answer()
    assert len(rack.asked) == 2
    rack.answer()
    assert result_of(first)
    assert result_of(second)


@pytest.mark.parametrize("stranger", ["10.8.0.1", "8.8.8.8", "127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_rule_5_of_addresses_that_are_not_beside_the_rack_no_region_hears(stranger):
    rack = Asked()
    refusal = result_of(rack.probe("10.7.0.1", stranger)).value
    assert isinstance(refusal, ProbeRefused)
    assert stranger in str(refusal)
    assert rack.asked == [], "not even of the others"


def test_rule_5_a_failover_peer_may_be_behind_a_router():
    plan = plan_of({1: (1, 2)})
    peer = plan[0].peer
    assert peer.rack == rack_id(2)
    rack = Asked(plan)
    probing = rack.probe(str(peer.address))
    rack.answer()
    (answer,) = result_of(probing)
    assert answer.address == peer.address
