"""The driver that speaks Redfish, against an emulator that others wrote."""

from ipaddress import IPv6Address

import pytest
from attrs import evolve
from twisted.internet import reactor, ssl
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from evenrack.errors import (
    BmcBusy,
    BmcNotTrusted,
    BmcRefused,
    BmcRefusedPassword,
    BmcUnreachable,
)
from evenrack.model.power import BmcAccess, BmcTarget
from evenrack.rack.power.by_name import answers_here
from evenrack.rack.power.redfish import RedfishDriver
from tests.free_ports import free_tcp_port
from tests.rack.power.redfish_farm import ADDRESS, PASSWORD, USER, failure
from tests.rack.power.test_by_name import places

pytestmark = [pytest.mark.daemon, pytest.mark.deadline(120)]


@pytest.fixture
def driver():
    return RedfishDriver(reactor)


async def until(driver, access, state):
    while await driver.query(access) != state:
        await deferLater(reactor, 0.05)


async def test_p28_a_machine_is_turned_on_seen_and_turned_off(driver, machine):
    access = machine.access()
    assert await driver.query(access) == "off"
    await driver.turn_on(access)
    assert await driver.query(access) == "on"  # it has waited for that
    await driver.turn_off(access)
    assert await driver.query(access) == machine.power() == "off"
    assert machine.told() == ["on", "off"]


async def test_every_other_command_reaches_the_bmc_once(driver, machine):
    access = machine.access()
    machine.press("on")
    await driver.reset(access)
    await until(driver, access, "on")
    await driver.shut_down(access)
    await until(driver, access, "off")
    assert machine.told() == ["reset 1", "shutdown 1"]


async def test_the_device_of_the_next_start_is_set_with_its_firmware(driver, machine):
    await driver.boot_once(machine.access(), "pxe")
    await driver.boot_once(machine.access(boot_type="legacy"), "disk")
    assert machine.told() == [
        "boot device Pxe",
        "boot mode UEFI",
        "boot device Hdd",
        "boot mode Legacy",
    ]
    words = await failure(BmcRefused, driver.boot_once(machine.access(), "bios"))
    assert words == "the BMC does not do boot once from bios: it has no BiosSetup"
    assert len(machine.told()) == 4


async def test_one_of_several_systems_is_named(driver, emulator):
    first, second = emulator.give("m1", "m2")
    words = await failure(BmcRefused, driver.turn_on(first.access()))
    assert words.startswith("the BMC has 2 systems: say which one (--system); it has ")
    assert first.id in words
    assert second.id in words
    await driver.turn_on(first.access(system=second.id))
    assert (first.told(), second.told()) == ([], ["on"])
    words = await failure(BmcRefused, driver.query(first.access(system="m3")))
    assert words.startswith("the BMC has no system m3; it has ")


async def test_a_system_that_goes_is_found_anew(driver, emulator, machine):
    access = machine.access()
    assert await driver.query(access) == "off"
    (other,) = emulator.give("m2")
    other.press("on")
    await failure(BmcBusy, driver.turn_off(access))
    assert await driver.query(access) == "on"
    assert other.told() == []


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
async def test_a_wrong_user_or_password_is_said_to_be_that(driver, machine, user, password):
    access = machine.access(user=user, password=password)
    words = await failure(BmcRefusedPassword, driver.turn_on(access))
    assert words == "the BMC refuses the user name or password (HTTP 401)"
    assert password not in words
    assert machine.told() == []


async def test_another_certificate_than_the_pinned_one_is_told_nothing(driver, machine):
    access = machine.access(certificate_sha256="0" * 64)
    heard = machine.emulator.log()
    words = await failure(BmcNotTrusted, driver.turn_on(access))
    assert machine.access().certificate_sha256 in words
    assert machine.told() == []
    assert '"POST' not in machine.emulator.log()[len(heard) :]
    assert '"GET' not in machine.emulator.log()[len(heard) :]


async def test_a_certificate_that_no_authority_has_signed_is_told_nothing(driver, machine):
    words = await failure(BmcNotTrusted, driver.query(machine.access(certificate_sha256="")))
    assert "no authority that this rack trusts has signed it" in words


async def test_a_certificate_of_a_trusted_authority_is_enough(machine):
    own = ssl.Certificate.loadPEM((machine.emulator.folder / "certificate").read_bytes())
    driver = RedfishDriver(reactor, authorities=ssl.trustRootFromCertificates([own]))
    access = machine.access(certificate_sha256="")
    assert await driver.query(access) == "off"
    words = await failure(BmcNotTrusted, driver.query(evolve(access, certificate_name="b7.test")))
    assert "it is not for b7.test" in words


async def test_a_closed_port_is_unreachable_within_a_second(driver):
    access = BmcAccess(
        address=ADDRESS, port=free_tcp_port(), user=USER, password=PASSWORD, driver="redfish"
    )
    words = await failure(BmcUnreachable, driver.turn_on(access), seconds=1)
    assert words == f"nothing listens on 127.0.0.1, TCP port {access.port}"


async def test_an_address_to_which_no_way_leads_is_unreachable_at_once(driver):
    nowhere = IPv6Address("fe80::1")  # which every link has, and this one names none
    access = BmcAccess(address=nowhere, user=USER, password=PASSWORD, driver="redfish", port=443)
    words = await failure(BmcUnreachable, driver.turn_on(access), seconds=1)
    assert words.startswith("no connection to fe80::1, TCP port 443: ")


async def test_a_conversation_that_is_cancelled_leaves_nothing(driver, machine):
    talk = Deferred.fromCoroutine(driver.turn_on(machine.access()))
    while not machine.told():
        await deferLater(reactor, 0.01)
    talk.cancel()
    with pytest.raises(CancelledError):
        await talk
    await until(driver, machine.access(), "on")
    assert machine.told() == ["on"]


async def test_no_log_of_either_side_and_no_repr_shows_the_password(driver, machine, logged):
    access = machine.access()
    await driver.turn_on(access)
    shown = repr((logged(), access, machine.emulator.log()))
    assert PASSWORD not in shown


async def test_whether_a_bmc_is_there_is_asked_without_a_password(machine):
    there = BmcTarget(bmc=1, address=ADDRESS, port=machine.emulator.port, probe="tcp")
    heard = machine.emulator.log()
    assert await answers_here(reactor, places(), there)
    assert not await answers_here(reactor, places(), evolve(there, port=free_tcp_port()))
    assert '"GET' not in machine.emulator.log()[len(heard) :]
