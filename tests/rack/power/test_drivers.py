"""What every driver promises: asked of the real ones with real BMCs, and of the one in memory."""

import time
from ipaddress import IPv4Address

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from evenrack.errors import BmcBusy
from evenrack.lab.drill.stillness import Stillness
from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import BmcAccess, PowerOrder, PowerOutcome
from evenrack.rack.power.ipmi import IpmiDriver
from evenrack.rack.power.ipmitool import IpmitoolDriver
from evenrack.rack.power.order_run import run_order
from evenrack.rack.power.redfish import RedfishDriver
from tests.free_ports import free_udp_port
from tests.rack.power.bmc_farm import SLOW, needs_bmcs
from tests.rack.power.small_bmc import Book, SmallBmc

pytestmark = pytest.mark.deadline(120)
ACCESS = BmcAccess(address=IPv4Address("10.0.0.9"), user="me", password="x" * 3)


REAL = {"ipmi": IpmiDriver, "ipmitool": IpmitoolDriver, "redfish": RedfishDriver}
IPMI = [IpmiDriver, IpmitoolDriver]
FROM_PXE = ["boot pxe", "off", "boot pxe", "on"]
"""What a BMC is told by a `cycle` with that device."""


@pytest.fixture(params=["memory", *(pytest.param(each, marks=pytest.mark.daemon) for each in REAL)])
def pair(request):
    """Give a driver, its BMC, whose machine is off, and the way to it."""
    if request.param == "memory":
        bmc = SmallBmc(clock=reactor)
        return bmc, bmc, ACCESS
    bmc = request.getfixturevalue("machine" if request.param == "redfish" else "bmc")
    return REAL[request.param](reactor), bmc, bmc.access()


def told(bmc):
    return bmc.told if isinstance(bmc, SmallBmc) else bmc.told()


async def carry_out(pair, action, *, phase="NEW", seconds_left=60.0, boot=None):
    """Run an order; give its outcome and what was written."""
    driver, _, access = pair
    book = Book(phase=phase)
    order = PowerOrder(
        id=OrderId(1),
        attempt=1,
        bmc=BmcId(1),
        access=access,
        action=action,
        phase=phase,
        seconds_left=seconds_left,
        boot=boot,
    )
    outcome = await run_order(order, driver, book.record, lambda: True, reactor)
    return outcome, book.written


def ok(state, *, sent=True):
    return PowerOutcome(result="ok", state=state, sent=sent)


async def test_a_driver_sees_what_it_did(pair):
    driver, bmc, access = pair
    assert await driver.query(access) == "off"
    await driver.turn_on(access)
    await deferLater(reactor, 0)
    assert await driver.query(access) == "on"
    await driver.turn_on(access)
    await driver.turn_off(access)
    await deferLater(reactor, 0)
    assert await driver.query(access) == "off"
    assert told(bmc) == ["on", "on", "off"]


async def test_a_driver_sees_what_a_hand_did(pair):
    driver, bmc, access = pair
    bmc.press("on")
    assert await driver.query(access) == "on"
    assert told(bmc) == []


async def test_p28_each_action_tells_the_bmc_exactly_what_it_needs(pair):
    _, bmc, _ = pair
    assert await carry_out(pair, "query") == (ok("off", sent=False), [])
    assert await carry_out(pair, "on") == (ok("on"), ["ON_SENT", "ON_SEEN"])
    assert await carry_out(pair, "on") == (ok("on", sent=False), [])
    assert told(bmc) == ["on"]
    phases = ["OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"]
    assert await carry_out(pair, "cycle") == (ok("on"), phases)
    assert told(bmc) == ["on", "off", "on"]
    assert await carry_out(pair, "off") == (ok("off"), ["OFF_SENT", "OFF_SEEN"])
    assert told(bmc) == ["on", "off", "on", "off"]


async def test_a_machine_is_cycled_from_a_device_of_which_its_bmc_is_told_before_each_command(pair):
    _, bmc, _ = pair
    bmc.press("on")
    phases = ["OFF_SENT", "OFF_SEEN", "ON_SENT", "ON_SEEN"]
    assert await carry_out(pair, "cycle", boot="pxe") == (ok("on"), phases)
    words = [word.lower().replace("device ", "") for word in told(bmc)]
    assert [word for word in words if word != "boot mode uefi"] == FROM_PXE
    outcome, written = await carry_out(pair, "on", boot="disk")
    assert (outcome.result, outcome.state, outcome.sent, written) == ("failed", "on", False, [])
    assert len(told(bmc)) == len(words)


async def test_a_successor_tells_the_bmc_only_what_is_left(pair):
    _, bmc, _ = pair
    outcome, written = await carry_out(pair, "cycle", phase="OFF_SEEN")
    assert (outcome, written) == (ok("on"), ["ON_SENT", "ON_SEEN"])
    outcome, written = await carry_out(pair, "cycle", phase="OFF_SENT", seconds_left=0.0)
    assert (outcome.result, outcome.state, written) == ("unknown", "on", [])
    assert told(bmc) == ["on"]


@needs_bmcs
@pytest.mark.parametrize("seconds", SLOW)
async def test_slow_bmcs_are_told_exactly_one_cycle(farm, seconds):
    ways = [(make, boot) for make in IPMI for boot in (None, "pxe")]
    bmcs = [farm.start("127.0.0.1", free_udp_port("127.0.0.1"), power="on") for _ in ways]
    for bmc in bmcs:
        bmc.takes(seconds)
    with Stillness(time.monotonic) as stillness:
        cycles = [
            Deferred.fromCoroutine(
                carry_out((make(reactor), bmc, bmc.access()), "cycle", boot=boot)
            )
            for (make, boot), bmc in zip(ways, bmcs, strict=True)
        ]
        assert [outcome for outcome, _ in await gatherResults(cycles)] == [ok("on")] * len(ways)
    told = [bmc.told_in_time(stillness.seconds) for bmc in bmcs]
    assert told == [["off", "on"], FROM_PXE] * len(IPMI)


@needs_bmcs
async def test_a_stuck_bmc_is_told_once_and_the_order_fails(bmc):
    bmc.is_stuck()
    pair = (IpmiDriver(reactor), bmc, bmc.access())
    outcome, written = await carry_out(pair, "on", seconds_left=4.0)
    assert (outcome.result, outcome.state, outcome.sent) == ("failed", "off", True)
    assert (bmc.told(), written) == (["on"], ["ON_SENT"])


@needs_bmcs
async def test_a_failing_bmc_is_asked_until_it_works(bmc):
    driver = IpmiDriver(reactor)
    bmc.fails()
    with pytest.raises(BmcBusy):
        await driver.query(bmc.access())
    reactor.callLater(2.5, lambda: bmc.fails(now=False))
    outcome, _ = await carry_out((driver, bmc, bmc.access()), "on")
    assert (outcome, bmc.told()) == (ok("on"), ["on"])


@needs_bmcs
async def test_a_reset_and_a_soft_are_told_once_each(bmc):
    bmc.press("on")
    pair = (IpmitoolDriver(reactor), bmc, bmc.access())
    outcome, written = await carry_out(pair, "reset")
    assert (outcome, written) == (ok("on"), ["RESET_SENT"])
    told_by_reset = bmc.told()
    assert len(told_by_reset) == 1
    outcome, written = await carry_out(pair, "soft", seconds_left=4.0)
    assert written[0] == "OFF_SENT"
    assert len(bmc.told()) == 2, bmc.told()
