"""The driver that speaks IPMI itself, against real BMC simulators (suite 3)."""

import time
from functools import partial
from ipaddress import IPv4Address

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

from evenrack.errors import (
    BmcBusy,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
)
from evenrack.lab.drill.stillness import Stillness
from evenrack.model.power import BmcAccess
from evenrack.rack.power.ipmi import IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver
from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import PASSWORD, SLOW, USER, needs_bmcs
from tests.rack.power.failing import failure_of
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.daemon, pytest.mark.deadline(120)]

ADDRESS = IPv4Address("127.0.0.1")
failure = partial(failure_of, Stopwatch, PASSWORD)
SESSIONS_OF_THE_SIMULATOR = 63


@pytest.fixture
def driver():
    return IpmiDriver(reactor)


def start(talk):
    return Deferred.fromCoroutine(talk)


@needs_bmcs
async def test_p28_a_machine_is_turned_on_seen_and_turned_off(driver, bmc):
    access = bmc.access()
    assert await driver.query(access) == "off"
    await driver.turn_on(access)
    assert await driver.query(access) == await IpmitoolDriver(reactor).query(access) == "on"
    await driver.turn_off(access)
    assert await driver.query(access) == "off"
    assert bmc.told() == ["on", "off"]


@needs_bmcs
async def test_every_other_command_reaches_the_bmc_once(driver, bmc):
    access = bmc.access()
    await driver.reset(access)
    await driver.shut_down(access)
    for device in ("pxe", "disk", "bios"):
        await driver.boot_once(access, device)
    disk = "boot default"  # the simulator's word for a disk
    assert bmc.told() == ["reset 1", "shutdown 1", "boot pxe", disk, "boot bios"]


@needs_bmcs
async def test_a_suite_that_the_bmc_refuses_is_tried_once_and_remembered(driver, bmc, logged):
    for _ in range(3):
        await driver.query(bmc.access())
    refused = [line for line in logged() if "refuses cipher suite" in line]
    assert refused == ["BMC 127.0.0.1 refuses cipher suite 17; trying 3"]
    await failure(BmcRefusedSuite, driver.turn_on(bmc.access(cipher_suite=17)), seconds=1)
    assert bmc.told() == []


@needs_bmcs
@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
async def test_a_wrong_user_or_password_is_said_to_be_that_and_soon(driver, bmc, user, password):
    access = bmc.access(user=user, password=password)
    await failure(BmcRefusedPassword, driver.turn_on(access))
    await failure(BmcRefusedPassword, driver.query(access))
    assert bmc.told() == []


async def test_a_closed_port_is_unreachable_within_a_second(driver):
    access = BmcAccess(address=ADDRESS, port=free_udp_port(ADDRESS), user=USER, password=PASSWORD)
    for talk in (driver.query, driver.turn_on, driver.turn_off, driver.reset):
        await failure(BmcUnreachable, talk(access), seconds=1)


@needs_bmcs
async def test_a_bmc_that_ended_is_unreachable_until_it_is_there_again(driver, farm, bmc):
    assert await driver.query(bmc.access()) == "off"
    bmc.stop()
    await failure(BmcUnreachable, driver.query(bmc.access()))
    again = farm.start(bmc.address, bmc.port, power="on")
    assert await driver.query(again.access()) == "on"


@needs_bmcs
async def test_a_bmc_that_fails_is_busy(driver, bmc):
    bmc.fails()
    await failure(BmcBusy, driver.query(bmc.access()))
    await failure(BmcBusy, driver.turn_on(bmc.access()))
    bmc.fails(now=False)
    assert (await driver.query(bmc.access()), bmc.told()) == ("off", [])


@needs_bmcs
@pytest.mark.parametrize("seconds", SLOW)
async def test_slow_bmcs_are_told_once_each(driver, farm, seconds):
    bmcs = [farm.start(ADDRESS, free_udp_port(ADDRESS), power="on") for _ in range(4)]
    for bmc in bmcs:
        bmc.takes(seconds)
    talks = [driver.turn_on, driver.turn_off, driver.reset, driver.query]
    with Stillness(time.monotonic) as stillness:
        told = [start(talk(bmc.access())) for talk, bmc in zip(talks, bmcs, strict=True)]
        await gatherResults(told)
    # What it was told again, it would do before it answers this
    await gatherResults([start(driver.query(bmc.access())) for bmc in bmcs])
    told = [bmc.told_in_time(stillness.seconds) for bmc in bmcs]
    assert told == [["on"], ["off"], ["reset 1"], []]


@needs_bmcs
async def test_a_bmc_that_answers_too_late_is_silent_within_seven_seconds(driver, bmc):
    bmc.takes(8)
    await failure(BmcSilent, driver.reset(bmc.access()))
    bmc.takes(None)
    while not bmc.told():
        await deferLater(reactor, 0.05)
    assert await driver.query(bmc.access()) == "off"
    assert bmc.told() == ["reset 1"]


@needs_bmcs
async def test_sessions_are_closed_or_a_bmc_would_soon_have_none_left(driver, bmc):
    for _ in range(SESSIONS_OF_THE_SIMULATOR + 10):
        await driver.query(bmc.access())
    assert await driver.query(bmc.access()) == "off"


@needs_bmcs
async def test_a_session_is_closed_also_when_its_command_is_cancelled(driver, bmc):
    await driver.query(bmc.access())
    bmc.takes(0.2)
    for _ in range(3):
        talk = start(driver.query(bmc.access()))
        await deferLater(reactor, 0.05)
        talk.cancel()
        with pytest.raises(CancelledError):
            await talk
    bmc.takes(None)
    assert await driver.query(bmc.access()) == "off"
