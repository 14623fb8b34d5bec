"""The driver that speaks IPMI itself, against our own BMC: suites, who may, what it believes."""

import shutil
from pathlib import Path
from secrets import token_bytes

import pytest
from attrs import evolve
from twisted.internet import reactor

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
)
from evenrack.rack.power.ipmi import IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver
from evenrack.rack.power.rmcp.agreeing import Around, Way
from evenrack.rack.power.rmcp.commands import STATUS, power_state
from evenrack.rack.power.rmcp.session import converse
from evenrack.rack.power.rmcp.suites import SUITES as SPOKEN
from evenrack.runtime.spawned import run_spawned
from tests.rack.power.bmc_farm import SEARCHED, needs_bmcs
from tests.rack.power.idle_clock import until
from tests.rack.power.suite_bmc import PASSWORD, SUITES

pytestmark = pytest.mark.deadline(120)

K_G = b"key of the BMC \x01\xff\x80"
K_G_DIGITS = "0x" + K_G.hex()
WRONG = "wrong"


@pytest.fixture
def driver(clock):
    return IpmiDriver(clock)


@pytest.fixture
def bmc(bmc_with):
    return bmc_with()


# What ipmitool says of our BMC, it says of a real one


@needs_bmcs
async def test_ipmitool_proves_our_bmc(bmc_with):
    tool = IpmitoolDriver(reactor)
    for suite in SUITES:
        bmc = bmc_with()
        access = bmc.access(cipher_suite=suite)
        assert await tool.query(access) == "off"
        await tool.turn_on(access)
        assert (await tool.query(access), bmc.told, bmc.open_sessions) == ("on", ["on"], [])
        for wrong in (evolve(access, password=WRONG), evolve(access, user="nobody")):
            with pytest.raises(BmcRefusedPassword):
                await tool.query(wrong)


@needs_bmcs
async def test_ipmitool_proves_our_bmc_with_a_k_g(bmc_with):
    bmc = bmc_with(k_g=K_G)
    program = shutil.which("ipmitool", path=SEARCHED)

    async def status(k_g):
        words = ["-I", "lanplus", "-H", "127.0.0.1", "-p", str(bmc.access().port), "-U", bmc.user]
        words += ["-y", k_g.hex(), "-f", "/dev/fd/3", "-C", "17", "chassis", "power", "status"]
        pipes = {3: PASSWORD.encode()}
        return await run_spawned(reactor, [program, *words], seconds=20, pipes=pipes)

    assert (await status(K_G)).output == b"Chassis Power is off\n"
    assert (await status(b"another")).output == b""  # it ends with 0 all the same


# Everything is well


@pytest.mark.parametrize("suite", SUITES)
async def test_each_command_in_each_suite_is_done_once_and_leaves_no_session(
    driver, bmc_with, suite
):
    bmc = bmc_with(suites=(suite,))
    access = bmc.access()
    await driver.turn_on(access)
    assert await driver.query(access) == "on"
    await driver.reset(access)
    await driver.shut_down(access)
    assert await driver.query(access) == "off"
    await driver.turn_off(access)
    await driver.boot_once(access, "pxe")
    await driver.boot_once(evolve(access, boot_type="legacy"), "bios")
    assert bmc.told == [
        *("on", "reset", "soft", "off"),
        *(("boot", 3, 8), ("boot", 5, 0xA0, 4, 0, 0, 0)),
        *(("boot", 3, 8), ("boot", 5, 0x80, 0x18, 0, 0, 0)),
    ]
    assert bmc.open_sessions == []
    assert {session.suite for session in bmc.sessions.values()} == {suite}


async def test_a_bmc_with_an_address_of_ipv6_is_no_other(driver, bmc_with):
    bmc = bmc_with(address="::1")
    await driver.turn_on(bmc.access())
    assert (await driver.query(bmc.access()), bmc.told) == ("on", ["on"])


async def test_to_look_takes_no_more_than_it_needs(driver, bmc):
    await driver.query(bmc.access())
    assert bmc.heard == ["open", "rakp1", "rakp3", "status", "close"]


@pytest.mark.parametrize("refused", [0x80, 0x82, 0xCC])
async def test_a_bmc_that_cannot_keep_a_boot_device_gets_it_all_the_same(
    driver, bmc, failure, refused
):
    bmc.codes = {"boot": iter([0x80, 0])}
    await driver.boot_once(bmc.access(), "pxe")
    assert bmc.told == [("boot", 5, 0xA0, 4, 0, 0, 0)]
    bmc.codes = {"boot": iter([0x80, refused])}
    words = await failure(BmcRefused, driver.boot_once(bmc.access(), "pxe"))
    assert "boot once from pxe" in words


# Suites


@pytest.mark.parametrize("status", [0x04, 0x05, 0x10, 0x11])
async def test_only_a_bmc_that_refuses_suite_17_is_asked_in_suite_3(
    driver, bmc_with, status, failure
):
    bmc = bmc_with(suites=(3,), no_suite=status)
    assert await driver.query(bmc.access()) == "off"
    assert bmc.heard[:2] == ["open", "open"]
    await driver.query(bmc.access())
    assert bmc.heard.count("open") == 3
    await failure(BmcRefusedSuite, driver.query(bmc.access(cipher_suite=17)))


@pytest.mark.parametrize(
    ("status", "kind"), [(0x01, BmcBusy), (0x09, BmcRefused), (0x12, BmcRefused)]
)
async def test_what_else_a_bmc_says_is_no_reason_for_suite_3(driver, bmc, status, kind, failure):
    bmc.codes = {"open": status}
    await failure(kind, driver.turn_on(bmc.access()))
    assert (bmc.heard, bmc.told) == (["open"], [])


@pytest.mark.parametrize("message", ["rakp1", "rakp3"])
async def test_a_bmc_that_has_been_given_a_credential_is_not_asked_in_suite_3(
    driver, bmc, message, failure
):
    bmc.codes = {message: 0x11}
    await failure(BmcRefused, driver.turn_on(bmc.access()))
    assert bmc.heard.count("open") == 1


async def test_a_bmc_that_learns_suite_17_is_asked_in_it_when_it_refuses_3(driver, bmc_with):
    bmc = bmc_with(suites=(3,))
    await driver.query(bmc.access())
    bmc.suites = (17,)
    assert await driver.query(bmc.access()) == "off"


# Who may


async def test_a_wrong_password_or_user_is_said_to_be_that_and_leaves_no_session(
    driver, bmc, failure
):
    for access in (bmc.access(password=WRONG), bmc.access(user="nobody")):
        await failure(BmcRefusedPassword, driver.turn_on(access))
    await until(lambda: bmc.heard.count("rakp3") == 2)
    assert (bmc.sessions, bmc.told) == ({}, [])


async def test_a_k_g_is_used_and_a_wrong_one_is_said_to_be_that(driver, bmc_with, failure):
    bmc = bmc_with(k_g=K_G)
    await driver.turn_on(bmc.access(k_g=K_G_DIGITS))
    for wrong in ("", "another", "0x00"):
        assert "K_g" in await failure(BmcRefusedPassword, driver.turn_off(bmc.access(k_g=wrong)))
    assert bmc.told == ["on"]


async def test_who_may_only_look_looks_and_is_told_so(driver, bmc_with, failure):
    bmc = bmc_with(most_privilege=2)
    access = bmc.access(privilege="user")
    assert await driver.query(access) == "off"
    assert "privilege operator" in await failure(BmcRefused, driver.turn_on(access))
    assert "0x0a" in await failure(BmcRefused, driver.turn_on(bmc.access()))
    assert "control" not in bmc.heard


async def test_a_privilege_that_the_bmc_refuses_later_is_named(driver, bmc, failure):
    bmc.codes = {"privilege": 0x81}
    words = await failure(BmcRefused, driver.turn_on(bmc.access(privilege="administrator")))
    assert "privilege administrator" in words
    assert (bmc.told, bmc.open_sessions) == ([], [])


@pytest.mark.parametrize(
    ("code", "kind"), [(0xC0, BmcBusy), (0xD0, BmcBusy), (0xD4, BmcRefused), (0xC1, BmcRefused)]
)
async def test_completion_codes_have_their_class_and_leave_no_session(
    driver, bmc, code, kind, failure
):
    bmc.codes = {"control": code, "status": code}
    for talk in (driver.query, driver.turn_on, driver.reset):
        assert f"0x{code:02x}" in await failure(kind, talk(bmc.access()))
    assert (bmc.told, bmc.open_sessions) == ([], [])


@pytest.mark.parametrize("code", [0xC3, 0xCE, 0xCF, 0xFF])
async def test_a_code_that_leaves_open_whether_it_was_done_is_no_refusal_of_what_is_sent_once(
    driver, bmc, code, failure
):
    bmc.codes = {"control": code}
    for talk in (driver.reset, driver.shut_down):
        assert f"0x{code:02x}" in await failure(BmcSilent, talk(bmc.access()))
    for talk in (driver.turn_on, driver.turn_off):
        assert f"0x{code:02x}" in await failure(BmcBusy, talk(bmc.access()))
    assert bmc.heard.count("control") == 4


# What anybody sends


def bent_before(reply):
    """Send what is wrong in one place before what is right, for a number of places."""
    places = range(4, len(reply), 7)
    bent = [reply[:at] + bytes((reply[at] ^ 0x40,)) + reply[at + 1 :] for at in places]
    return [*bent, reply[:-1], b"", b"\x06\x00\xff\x07", reply]


async def test_what_is_not_proved_is_not_heard(driver, bmc):
    """Within a session: before there are keys, a refusal can only be believed."""
    bmc.garble = lambda reply: bent_before(reply) if reply[5] == 0xC0 else [reply]
    for _ in range(2):
        await driver.turn_on(bmc.access())
        assert await driver.query(bmc.access()) == "on"
        await driver.turn_off(bmc.access())
        assert await driver.query(bmc.access()) == "off"
    assert bmc.told == ["on", "off"] * 2


async def test_what_is_no_answer_opens_no_session_and_does_no_harm(driver, bmc, failure):
    def none_of_it(reply):
        return [b"", b"\0" * 40, reply[:20], reply[:-1], reply + b"more", reply[4:]]

    bmc.garble = lambda reply: [*none_of_it(reply), reply]
    await driver.turn_on(bmc.access())
    assert (await driver.query(bmc.access()), bmc.told) == ("on", ["on"])
    bmc.garble = lambda reply: none_of_it(reply)[:4]
    await failure(BmcUnreachable, driver.query(bmc.access()))


async def test_what_was_heard_in_another_session_is_not_heard_again(driver, bmc):
    old = []

    def again(reply):
        old.append(reply)
        return [*old, reply]

    bmc.garble = again
    await driver.turn_on(bmc.access())
    bmc.state = "off"
    assert await driver.query(bmc.access()) == "off"
    await driver.boot_once(bmc.access(), "pxe")
    assert bmc.told[1:] == [("boot", 3, 8), ("boot", 5, 0xA0, 4, 0, 0, 0)]


async def test_what_was_heard_in_this_session_is_not_heard_again(bmc, clock):
    """Also when its request had the same number as this one: there are 64 of them."""
    old = []

    def again(reply):
        if not old and reply[5] == 0xC0:
            old.append(reply)
        return [*old, reply]

    async def talk(session):
        first = power_state(await session.run(STATUS))
        bmc.state = "off"
        return first, {power_state(await session.run(STATUS)) for _ in range(70)}

    bmc.garble, bmc.state = again, "on"
    around = Around(reactor=clock, token_bytes=token_bytes)
    way = Way(access=bmc.access(), suite=SPOKEN[17], ends=clock.seconds() + 100)
    assert await converse(around, way, talk) == ("on", {"off"})


def own_places():
    return repr([Path("/proc/self", name).read_bytes() for name in ("cmdline", "environ")])


async def test_passwords_and_keys_are_in_no_log_no_repr_and_nowhere_in_proc(
    driver, bmc_with, logged, failure
):
    bmc = bmc_with(k_g=b"key of the BMC", suites=(3,))
    access = bmc.access(k_g="key of the BMC")
    await driver.turn_on(access)
    await failure(BmcRefusedPassword, driver.turn_on(evolve(access, k_g="other key")))
    shown = repr((logged(), access, driver.__dict__, driver._around)) + own_places()
    for secret in (PASSWORD, "key of the BMC", "other key", b"key of the BMC".hex()):
        assert secret not in shown
