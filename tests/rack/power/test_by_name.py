"""BMCs with a name, or an address of IPv6: found, told, and reached by racks that are next to them.

The BMCs are real simulators; names are looked up in a book of the test.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from evenrack.errors import BmcUnreachable, ProgramFailed
from evenrack.model.bmc_host import HostName
from evenrack.model.identifiers import BmcId
from evenrack.model.power import BmcReach, BmcTarget
from evenrack.rack.power.by_name import (
    LOOKUP_SECONDS,
    NETWORKS_SECONDS,
    ByName,
    OwnNetworks,
    Places,
    answers_here,
)
from evenrack.rack.power.drivers import every_driver
from evenrack.rack.power.names import Names
from evenrack.rack.power.reach_watch import ReachWatch
from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import needs_bmcs
from tests.rack.power.story import ACCESS
from tests.rack.power.test_names import BMC, Book, result_of

HERE = ("127.0.0.0/8", "::1/128")
DRIVERS = ["ipmi", "ipmitool"]


def places(*addresses, networks=HERE, clock=reactor):
    """What a rack sees: the addresses that the name has, and its own networks."""

    async def own():
        return [ip_network(each) for each in networks]

    return Places(Names(Book(**{BMC: addresses}), clock), own, clock)


@needs_bmcs
@pytest.mark.deadline(120)
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_bmc_is_told_by_its_name_in_either_family(farm, driver, address):
    bmc = farm.start(address, free_udp_port(address))
    access = bmc.access(address=BMC, driver=driver)
    drivers = every_driver(reactor, places(address))
    assert await drivers.query(access) == "off"
    await drivers.turn_on(access)
    await drivers.reset(access)
    await drivers.shut_down(access)
    await drivers.boot_once(access, "pxe")
    await drivers.turn_off(access)
    assert bmc.told() == ["on", "reset 1", "shutdown 1", "boot pxe", "off"]


@needs_bmcs
@pytest.mark.deadline(120)
@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_bmc_is_told_at_its_ipv6_address(farm, driver):
    bmc = farm.start("::1", free_udp_port("::1"))
    access = bmc.access(driver=driver)
    drivers = every_driver(reactor, places())
    await drivers.turn_on(access)
    assert (await drivers.query(access), bmc.told()) == ("on", ["on"])


@needs_bmcs
@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_closed_port_in_ipv6_is_unreachable(driver):
    access = evolve(ACCESS, address=IPv6Address("::1"), port=free_udp_port("::1"), driver=driver)
    with pytest.raises(BmcUnreachable):
        await every_driver(reactor, places()).query(access)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_name_without_an_address_is_worth_another_try_and_says_what_to_do(driver):
    access = evolve(ACCESS, address=BMC, driver=driver)
    with pytest.raises(BmcUnreachable, match=r"no address for the name bmc7\.example\.com: see"):
        await every_driver(reactor, places()).turn_on(access)


def test_a_name_that_takes_too_long_is_not_waited_for_but_is_there_the_next_time():
    clock, book = Clock(), Book(**{BMC: ["10.0.0.7"]})
    book.held.add(BMC)

    async def own():
        return []

    slow = Places(Names(book, clock), own, clock)
    asked = Deferred.fromCoroutine(slow.place_of(BMC))
    clock.advance(LOOKUP_SECONDS)
    failure = result_of(asked)
    assert failure.type is BmcUnreachable
    assert "takes this rack longer than 0.9 s" in str(failure.value)
    assert "getent ahosts bmc7.example.com" in str(failure.value)
    book.let_go(BMC)
    assert result_of(Deferred.fromCoroutine(slow.place_of(BMC))) == IPv4Address("10.0.0.7")
    assert book.asked == [BMC]
    assert clock.getDelayedCalls() == []


def test_a_rack_that_stood_still_during_a_lookup_tells_a_bmc_nothing():
    clock, book, told = Clock(), Book(**{BMC: ["10.0.0.7"]}), []

    class Driver:
        async def turn_off(self, access):
            told.append(access.address)

    async def own():
        return []

    def turn_off(stood_still):
        book.held.add(BMC)
        places = Places(Names(book, clock), own, clock)
        named = evolve(ACCESS, address=BMC)
        asked = Deferred.fromCoroutine(ByName(Driver(), places).turn_off(named))
        clock.rightNow += stood_still  # no timer runs meanwhile, and the answer comes before them
        book.let_go(BMC)
        return result_of(asked)

    failure = turn_off(LOOKUP_SECONDS + 25)
    assert (failure.type, told) == (BmcUnreachable, [])
    assert "looked up only after 25.9 s" in str(failure.value)
    assert (turn_off(LOOKUP_SECONDS / 2), told) == (None, [IPv4Address("10.0.0.7")])
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("networks", "told", "near"),
    [
        (["10.0.0.0/24"], "10.0.0.7", "10.0.0.7"),
        (["2001:db8::/64"], "2001:db8::7", "2001:db8::7"),
        (["10.0.0.0/24", "2001:db8::/64"], "2001:db8::7", "2001:db8::7"),
        (["10.9.0.0/24"], "2001:db8::7", "None"),
    ],
)
async def test_of_several_addresses_the_first_counts_that_is_in_a_network_of_the_rack(
    networks, told, near
):
    here = places("2001:db8::7", "10.0.0.7", networks=networks)
    assert str(await here.place_of(BMC)) == told
    assert str(await here.near(BMC)) == near


async def test_an_ipv6_address_is_near_in_a_network_of_the_rack_and_one_of_ipv4_always():
    here = places(networks=["2001:db8:0:1::/64"])
    assert await here.near(IPv6Address("2001:db8:0:1::7")) == IPv6Address("2001:db8:0:1::7")
    assert await here.near(IPv6Address("2001:db8:0:2::7")) is None
    assert await here.near(IPv4Address("10.0.0.7")) == IPv4Address("10.0.0.7")


@pytest.mark.parametrize(("said", "told"), [("", BMC), ("other", "other")])
async def test_a_certificate_is_still_asked_for_the_name_that_was_looked_up(said, told):
    class Driver:
        async def query(self, access):
            return access.address, access.certificate_name

    named = evolve(ACCESS, address=BMC, certificate_name=said)
    heard = await ByName(Driver(), places("127.0.0.1")).query(named)
    assert heard == (IPv4Address("127.0.0.1"), told)


@needs_bmcs
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_only_a_bmc_in_the_networks_of_the_rack_is_asked_whether_it_is_there(farm, address):
    bmc = farm.start(address, free_udp_port(address))
    named = BmcTarget(bmc=BmcId(1), address=BMC, port=bmc.port)
    for target in (named, evolve(named, address=bmc.address)):
        assert await answers_here(reactor, places(address), target)
    far = places(address, networks=["10.0.0.0/8", "fd00::/8"])
    assert not await answers_here(reactor, far, named)


def test_own_networks_are_read_anew_after_a_while_and_kept_when_that_fails(logged):
    clock, readings = Clock(), [["a"], ["b"], ProgramFailed("ip", "failed", "words"), ["c"]]

    async def read():
        found = readings.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    own = OwnNetworks(read, clock)
    seen = []
    for _ in range(8):
        seen += result_of(Deferred.fromCoroutine(own()))
        clock.advance(NETWORKS_SECONDS / 2)
    assert seen == ["a", "a", "b", "b", "b", "b", "c", "c"]
    assert len([line for line in logged() if "own networks not read" in line]) == 1


class SlowReading:
    """Own networks that take longer to read than a lookup may take, and a book that is quick."""

    def __init__(self):
        self.clock = Clock()
        self.begun = []
        names = Names(Book(**{BMC: ["2001:db8::7"]}), self.clock)
        self._places = Places(names, OwnNetworks(self._read, self.clock), self.clock)

    async def _read(self):
        self.begun.append(self.clock.seconds())
        await deferLater(self.clock, LOOKUP_SECONDS + 0.1)
        return [ip_network("2001:db8::/64")]

    def near(self, host):
        """Ask where it is, wait as long as may be, and give the answer or the problem."""
        asked = Deferred.fromCoroutine(self._places.near(host))
        self.clock.pump([LOOKUP_SECONDS / 3] * 4)
        return result_of(asked)


@pytest.mark.parametrize("host", [BMC, IPv6Address("2001:db8::7")])
def test_own_networks_that_are_slow_to_read_are_there_the_next_time_and_blame_no_dns(host):
    slow = SlowReading()
    failure = slow.near(host)
    assert failure.type is BmcUnreachable
    assert "to read its own networks" in str(failure.value)
    assert "DNS" not in str(failure.value)
    for _ in range(3):
        assert slow.near(host) == IPv6Address("2001:db8::7")
        slow.clock.advance(NETWORKS_SECONDS)  # meanwhile they are out of date
    assert len(slow.begun) == 3
    slow.clock.advance(NETWORKS_SECONDS)
    assert slow.clock.getDelayedCalls() == []


def test_who_waits_for_own_networks_waits_for_one_reading_also_when_that_fails(logged_failures):
    begun, clock = Deferred(), Clock()

    async def read():
        await begun

    own = OwnNetworks(read, clock)
    both = [Deferred.fromCoroutine(own()) for _ in range(2)]
    begun.errback(ZeroDivisionError())
    assert [tuple(result_of(each)) for each in both] == [(), ()]
    logged_failures.take(ZeroDivisionError)


def test_why_a_bmc_cannot_be_asked_is_logged_once_and_again_when_it_is_another_reason(logged):
    clock, why = Clock(), ["no address"]

    async def ask(_target):
        if why[0]:
            raise BmcUnreachable(why[0])
        return True

    target = BmcTarget(bmc=BmcId(7), address=HostName("bmc7"))
    watch = ReachWatch(lambda: [target], ask, clock)
    watch.startService()

    def said(reason, seconds):
        why[0] = reason
        for _ in range(seconds):
            clock.advance(1)
        return [line.partition(": ")[2] for line in logged() if "BMC 7" in line]

    assert said("no address", 20) == ["no address"]
    assert said("no answer", 20) == ["no address", "no answer"]
    assert (said(None, 20), watch.reach.answering) == (["no address", "no answer"], (7,))
    assert said("no answer", 40) == ["no address", "no answer", "no answer"]
    assert watch.reach == BmcReach()
    watch.stopService()


def test_an_access_has_no_address_before_its_name_was_looked_up():
    with pytest.raises(ValueError, match=r"bmc7\.example\.com was not looked up"):
        _ = evolve(ACCESS, address=BMC).ip
    assert ACCESS.ip == ACCESS.address
