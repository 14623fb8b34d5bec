"""The driver that runs ipmitool, against real BMC simulators."""

import socket
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from evenrack.errors import (
    BmcBusy,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
    CannotEverWork,
    ProgramFailed,
)
from evenrack.model.power import BmcAccess
from evenrack.rack.power.ipmitool import IpmitoolDriver
from evenrack.runtime.process_table import all_processes
from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import (
    PASSWORD,
    SLOW,
    USER,
    needs_bmcs,
)
from tests.rack.power.failing import failure_of
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.daemon, pytest.mark.deadline(120)]

ADDRESS = IPv4Address("127.0.0.1")
failure = partial(failure_of, Stopwatch, PASSWORD)


@pytest.fixture
def driver():
    return IpmitoolDriver(reactor)


@pytest.fixture
def silent():
    """Give a way to a UDP port that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((str(ADDRESS), 0))
        port = listener.getsockname()[1]
        yield BmcAccess(address=ADDRESS, port=port, user=USER, password=PASSWORD)


def tools_for(access):
    """List the folders in /proc of what runs for this BMC."""
    found = []
    for row in all_processes():
        folder = Path("/proc", str(row.pid))
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"lanplus" in arguments and str(access.port).encode() in arguments:
            found.append(folder)
    return found


async def until(condition):
    while not (found := condition()):
        await deferLater(reactor, 0.01)
    return found


@needs_bmcs
async def test_p28_a_machine_is_turned_on_seen_and_turned_off(driver, bmc):
    access = bmc.access()
    assert await driver.query(access) == "off"
    await driver.turn_on(access)
    assert await driver.query(access) == "on"
    await driver.turn_off(access)
    assert await driver.query(access) == "off"
    assert bmc.told() == ["on", "off"]


@needs_bmcs
async def test_a_boot_device_is_set_and_a_bmc_that_fails_to_set_it_is_busy(driver, bmc):
    for device in ("pxe", "disk", "bios"):
        await driver.boot_once(bmc.access(), device)
    disk = "boot default"  # the simulator's word for a disk
    assert bmc.told() == ["boot pxe", disk, "boot bios"]
    bmc.fails()
    await failure(BmcBusy, driver.boot_once(bmc.access(), "pxe"))


@needs_bmcs
async def test_a_suite_that_the_bmc_refuses_is_tried_once_and_remembered(driver, bmc, logged):
    for _ in range(3):
        await driver.query(bmc.access())
    refused = [line for line in logged() if "refuses cipher suite" in line]
    assert refused == ["BMC 127.0.0.1 refuses cipher suite 17; trying 3"]
    await driver.query(bmc.access(cipher_suite=3))


@needs_bmcs
async def test_a_pinned_suite_is_the_only_one_that_is_tried(driver, bmc):
    await failure(BmcRefusedSuite, driver.turn_on(bmc.access(cipher_suite=17)))
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
    for talk in (driver.query, driver.turn_on, driver.turn_off):
        await failure(BmcUnreachable, talk(access), seconds=1)


async def test_a_silent_host_is_unreachable_within_seven_seconds(driver, silent):
    await failure(BmcUnreachable, driver.turn_on(silent))


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
async def test_a_slow_bmc_is_told_once(driver, bmc, seconds):
    bmc.takes(seconds)
    await driver.turn_on(bmc.access())
    assert bmc.told() == ["on"]
    assert await driver.query(bmc.access()) == "on"


@needs_bmcs
async def test_a_bmc_that_answers_too_late_is_silent_and_was_told_once(driver, bmc):
    assert await driver.query(bmc.access()) == "off"  # so that it knows the suite
    bmc.takes(8)
    await failure(BmcSilent, driver.turn_on(bmc.access()), seconds=10)
    bmc.takes(None)
    await until(bmc.told)
    assert await driver.query(bmc.access()) == "on"
    assert bmc.told() == ["on"]


@needs_bmcs
async def test_what_takes_too_long_ends_and_its_outcome_is_unknown(bmc):
    driver = IpmitoolDriver(reactor, seconds=4.0, ping_seconds=1.0)
    bmc.takes(7)
    await failure(BmcSilent, driver.turn_on(bmc.access()))
    assert tools_for(bmc.access()) == []


@needs_bmcs
async def test_a_bmc_has_one_conversation_at_a_time(bmc):
    driver = IpmitoolDriver(reactor, seconds=60.0)  # the last one waits for both others
    bmc.takes(1)
    looks = [Deferred.fromCoroutine(driver.query(bmc.access())) for _ in range(3)]
    most = 0
    while not all(look.called for look in looks):
        most = max(most, len(tools_for(bmc.access())))
        await deferLater(reactor, 0.01)
    assert most == 1
    assert [await look for look in looks] == ["off"] * 3


@needs_bmcs
async def test_who_waits_too_long_for_the_other_conversation_has_sent_nothing(bmc):
    driver = IpmitoolDriver(reactor, seconds=12.0, ping_seconds=10.0)
    bmc.takes(3)
    first = Deferred.fromCoroutine(driver.query(bmc.access()))
    await failure(BmcBusy, driver.turn_on(bmc.access()))
    assert (await first, bmc.told()) == ("off", [])


@needs_bmcs
async def test_other_bmcs_do_not_wait_for_a_slow_one(driver, farm, bmc):
    quick = farm.start(ADDRESS, free_udp_port(ADDRESS))
    bmc.holds()
    slow = Deferred.fromCoroutine(driver.query(bmc.access()))
    await until(lambda: tools_for(bmc.access()))
    await driver.turn_on(quick.access())
    assert not slow.called
    bmc.holds(now=False)
    assert await slow == "off"


@needs_bmcs
async def test_no_command_line_environment_log_or_error_shows_the_password(driver, bmc, logged):
    bmc.takes(1)
    talk = Deferred.fromCoroutine(driver.turn_on(bmc.access()))
    seen = []
    while not talk.called:
        for folder in tools_for(bmc.access()):
            try:
                seen.append((folder / "cmdline").read_bytes())
                assert PASSWORD.encode() not in seen[-1]
                assert PASSWORD.encode() not in (folder / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
        await deferLater(reactor, 0.01)
    await talk
    assert any(b"ipmitool" in arguments for arguments in seen)
    assert PASSWORD not in repr((logged(), bmc.access()))


@needs_bmcs
async def test_a_conversation_that_is_cancelled_leaves_no_process(driver, bmc):
    bmc.takes(3)
    talk = Deferred.fromCoroutine(driver.query(bmc.access()))
    await until(lambda: tools_for(bmc.access()))
    talk.cancel()
    with pytest.raises(CancelledError):
        await talk
    await until(lambda: not tools_for(bmc.access()))
    bmc.takes(None)
    assert await driver.query(bmc.access()) == "off"


async def test_a_search_that_is_cancelled_leaves_nothing(driver, silent):
    talk = Deferred.fromCoroutine(driver.query(silent))
    await deferLater(reactor, 0.1)
    talk.cancel()
    with pytest.raises(CancelledError):
        await talk


@needs_bmcs
async def test_without_the_tool_nothing_is_sent_and_the_operator_told_its_name(bmc):
    driver = IpmitoolDriver(reactor, program="no-such-ipmitool")
    with pytest.raises(ProgramFailed, match="there is no program no-such-ipmitool") as failed:
        await driver.turn_on(bmc.access())
    assert isinstance(failed.value, CannotEverWork)
    assert PASSWORD not in str(failed.value)
