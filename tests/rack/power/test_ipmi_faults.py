"""The driver that speaks IPMI itself, against our own BMC: silence, turns, and cancelling."""

import resource

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater

from evenrack.errors import (
    BmcBusy,
    BmcSilent,
    BmcUnreachable,
)
from evenrack.rack.power.ipmi import IpmiDriver
from tests.rack.power.idle_clock import start, until

pytestmark = pytest.mark.deadline(120)

SETUP = ["open", "rakp1", "rakp3"]


@pytest.fixture
def driver(clock):
    return IpmiDriver(clock)


@pytest.fixture
def bmc(bmc_with):
    return bmc_with()


# Silence


async def test_a_silent_host_is_unreachable_and_asked_three_times(driver, bmc, failure):
    bmc.misses = {"open": -1}
    assert "no answer" in await failure(BmcUnreachable, driver.turn_on(bmc.access()))
    assert bmc.heard == ["open"] * 3


@pytest.mark.parametrize("lost", ["misses", "loses"])
@pytest.mark.parametrize("name", [*SETUP, "privilege", "status"])
async def test_what_gets_lost_once_is_asked_for_again(driver, bmc, lost, name):
    setattr(bmc, lost, {name: 1})
    await driver.turn_on(bmc.access())
    assert (await driver.query(bmc.access()), bmc.told) == ("on", ["on"])
    assert bmc.open_sessions == []


@pytest.mark.parametrize("name", ["turn_on", "turn_off"])
async def test_on_and_off_are_repeated_and_yet_done_once(driver, bmc, name):
    bmc.misses = {"control": 1}
    await getattr(driver, name)(bmc.access())
    assert (bmc.heard.count("control"), len(bmc.told)) == (2, 1)


@pytest.mark.parametrize("name", ["reset", "shut_down"])
@pytest.mark.parametrize("lost", ["misses", "loses"])
async def test_reset_and_soft_are_sent_once_and_may_have_been_done(
    driver, bmc, name, lost, failure
):
    setattr(bmc, lost, {"control": -1})
    await failure(BmcSilent, getattr(driver, name)(bmc.access()))
    assert (bmc.heard.count("control"), len(bmc.told)) == (1, int(lost == "loses"))


async def test_a_command_that_is_not_answered_may_have_been_done_and_its_session_is_closed(
    driver, bmc, failure
):
    bmc.loses = {"control": -1, "close": -1}
    assert "power on" in await failure(BmcSilent, driver.turn_on(bmc.access()))
    await until(lambda: bmc.heard[-1] == "close")
    assert (bmc.told, bmc.open_sessions) == (["on"], [])


async def test_a_session_of_which_nobody_knows_whether_it_began_is_closed(driver, bmc, failure):
    bmc.loses = {"rakp3": -1}
    await failure(BmcUnreachable, driver.turn_on(bmc.access()))
    await until(lambda: bmc.heard[-1] == "close")
    assert (bmc.told, bmc.open_sessions) == ([], [])


@pytest.mark.parametrize(("name", "kind"), [("rakp1", BmcUnreachable), ("control", BmcSilent)])
async def test_a_bmc_that_goes_away_meanwhile_is_known_by_how_far_it_got(
    driver, bmc, name, kind, failure
):
    bmc.misses = {name: -1}
    talk = start(driver.turn_on(bmc.access()))
    await until(lambda: name in bmc.heard)
    await bmc.stop()
    await failure(kind, talk)


async def test_the_end_of_a_session_that_is_not_answered_takes_a_second(driver, bmc, clock):
    bmc.loses = {"close": -1}
    began = clock.seconds()
    assert await driver.query(bmc.access()) == "off"
    assert 0.9 < clock.seconds() - began < 3
    assert bmc.open_sessions == []


async def test_a_bmc_that_is_slow_in_everything_is_told_nothing_after_nine_seconds(
    driver, bmc, clock
):
    bmc.takes = dict.fromkeys(SETUP, 3.5)
    with pytest.raises(BmcUnreachable):
        await driver.turn_on(bmc.access())
    await deferLater(clock, 10)
    assert (bmc.told, bmc.open_sessions) == ([], [])


async def test_a_bmc_that_takes_a_second_and_a_half_for_everything_does_it_once(driver, bmc):
    bmc.takes = dict.fromkeys([*SETUP, "privilege", "control"], 1.5)
    await driver.turn_on(bmc.access())
    assert bmc.heard == [*SETUP, "privilege", "control", "close"]
    assert bmc.told == ["on"]


async def test_a_bmc_that_takes_three_seconds_for_a_command_is_told_once(driver, bmc):
    bmc.takes = {"control": 3.0}
    await driver.turn_on(bmc.access())
    assert (bmc.heard.count("control"), bmc.told) == (1, ["on"])


@pytest.mark.parametrize("takes", [{"open": 2.1}, {"rakp1": 3.0}, {"open": 2.1, "rakp1": 2.1}])
async def test_a_bmc_that_is_slow_to_begin_is_not_taken_for_one_with_another_password(
    driver, bmc, takes
):
    bmc.takes = takes
    await driver.turn_on(bmc.access())
    assert (bmc.told, bmc.heard.count("rakp1")) == (["on"], 1)


@pytest.mark.parametrize("name", [*SETUP, "control"])
async def test_a_rack_that_was_paused_repeats_nothing_when_it_goes_on(
    driver, bmc, clock, name, failure
):
    """What was due meanwhile may have been done, and others may have gone on from there."""
    bmc.misses = {name: -1}
    talk = start(driver.turn_on(bmc.access()))
    await until(lambda: name in bmc.heard)
    clock.advance(25)
    await failure(BmcSilent if name == "control" else BmcUnreachable, talk)
    await deferLater(clock, 10)
    assert bmc.heard.count(name) == 1


@pytest.mark.parametrize("step", ["rakp1", "rakp3"])
async def test_who_told_a_bmc_something_twice_does_not_believe_that_the_password_is_another(
    driver, bmc, step, failure
):
    bmc.misses, bmc.codes = {"open": 1}, {step: 0x0F}
    assert "told something twice" in await failure(BmcBusy, driver.turn_on(bmc.access()))
    bmc.misses, bmc.codes = {"open": 1}, {}
    assert "other keys" in await failure(BmcBusy, driver.turn_on(bmc.access(k_g="k")))
    await driver.turn_on(bmc.access())
    assert bmc.told == ["on"]


async def test_a_command_is_not_repeated_after_nine_seconds(driver, bmc, clock):
    bmc.takes = dict.fromkeys(SETUP, 1.85)
    bmc.misses = {"control": -1}
    with pytest.raises(BmcSilent):
        await driver.turn_on(bmc.access())
    await deferLater(clock, 5)
    assert bmc.heard.count("control") == 1


async def test_a_host_that_cannot_be_sent_to_is_unreachable(driver, bmc, failure):
    access = evolve(bmc.access(), address=type(bmc.access().address)("255.255.255.255"))
    await failure(BmcUnreachable, driver.query(access))


async def test_without_a_port_to_ask_from_the_bmc_is_unreachable(driver, bmc, failure):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))  # no new file has a number below
    try:
        asked = start(driver.turn_on(bmc.access()))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert "this host cannot send" in await failure(BmcUnreachable, asked)
    assert bmc.heard == []


# One at a time


async def test_a_bmc_has_one_session_at_a_time_and_others_do_not_wait_for_it(driver, bmc_with):
    slow, quick = bmc_with(), bmc_with()
    slow.takes = {"status": 2.0}
    looks = [start(driver.query(slow.access())) for _ in range(3)]
    await until(lambda: "status" in slow.heard)
    await driver.query(quick.access())
    assert not any(look.called for look in looks)
    most = 0
    while not all(look.called for look in looks):
        most = max(most, len(slow.open_sessions))
        await deferLater(reactor, 0)
    assert (most, [await look for look in looks]) == (1, ["off"] * 3)
    assert driver._turns._turns == {}


async def test_a_rack_has_so_many_sessions_at_a_time_and_no_more(bmc_with, clock):
    driver = IpmiDriver(clock, most_sessions=2)
    bmcs = [bmc_with(takes={"status": 1.0}) for _ in range(5)]
    looks = gatherResults([start(driver.query(bmc.access())) for bmc in bmcs])
    most = 0
    while not looks.called:
        most = max(most, sum(len(bmc.open_sessions) for bmc in bmcs))
        await deferLater(reactor, 0)
    assert (most, await looks) == (2, ["off"] * 5)


@pytest.mark.parametrize("most", [1, 64])
async def test_who_waits_too_long_for_a_place_has_sent_nothing(bmc_with, most, clock):
    driver = IpmiDriver(clock, most_sessions=most)
    first, second, third = (bmc_with(takes={"status": 5.0}) for _ in range(3))
    if most > 1:
        second = third = first
    looks = [start(driver.query(bmc.access())) for bmc in (first, second)]
    with pytest.raises(BmcBusy):
        await driver.turn_on(third.access())
    assert await looks[0] == "off"
    with pytest.raises((BmcSilent, BmcUnreachable)):
        await looks[1]
    assert third.told == []


# Cancelled


@pytest.mark.parametrize("name", [*SETUP, "privilege", "control", "close"])
async def test_what_is_cancelled_leaves_no_session_no_socket_and_no_call(driver, bmc, name):
    bmc.loses = {name: -1}
    talk = start(driver.turn_on(bmc.access()))
    await until(lambda: name in bmc.heard)
    talk.cancel()
    with pytest.raises(CancelledError):
        await talk
    if name not in {"open", "rakp1"}:  # without keys nothing can be closed: it is not open
        await until(lambda: bmc.heard[-1] == "close")
    assert bmc.open_sessions == []
    bmc.loses = {}
    assert await driver.query(bmc.access()) == ("on" if bmc.told else "off")


async def test_who_waits_for_a_place_and_is_cancelled_leaves_its_place_to_the_next(driver, bmc):
    bmc.takes = {"status": 1.0}
    looks = [start(driver.query(bmc.access())) for _ in range(3)]
    looks[1].cancel()
    with pytest.raises(CancelledError):
        await looks[1]
    assert [await looks[0], await looks[2]] == ["off", "off"]
