"""The driver that speaks Redfish, with a service that has sessions and keeps connections open."""

import json
import struct
from ipaddress import IPv6Address
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_USER_TIMEOUT

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.tcp import Client
from twisted.protocols.portforward import ProxyFactory, ProxyServer

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcSilent,
)
from evenrack.rack.power.redfish import RedfishDriver
from tests.rack.power.redfish_farm import failure
from tests.rack.power.small_redfish import (
    RESET,
    ROOT,
    SESSIONS,
    SYSTEM,
    SYSTEMS,
    never,
    refuse,
)
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.deadline(120)
FIRST = [f"GET {ROOT}", f"POST {SESSIONS}", f"GET {SYSTEMS}", f"GET {SYSTEM}"]
POST = f"POST {RESET}"


@pytest.fixture
def driver():
    return RedfishDriver(reactor)


class SlowProxy(ProxyServer):
    """Passes nothing on for a while, as a BMC that takes long to begin TLS."""

    def connectionMade(self):
        self.transport.pauseProducing()
        self.opening = reactor.callLater(self.factory.seconds(), super().connectionMade)

    def connectionLost(self, reason):
        if self.opening.active():
            self.opening.cancel()
        super().connectionLost(reason)


class SlowDoor(ProxyFactory):
    protocol, noisy = SlowProxy, False


async def heard(service, what):
    while what not in service.heard:
        await deferLater(reactor, 0.005)


async def test_a_conversation_is_one_session_on_one_connection_and_leaves_none(driver, service):
    assert await driver.query(service.access()) == "off"
    assert service.heard == [*FIRST, f"DELETE {SESSIONS}/token-1"]
    assert service.credentials == ["nobody", "nobody", "session", "session", "session"]
    assert (service.connections, service.sessions) == (1, set())
    assert set(service.hosts) == {f"127.0.0.1:{service.access().port}"}


def sockets_to(access):
    clients = [each for each in reactor.getReaders() if isinstance(each, Client)]
    return [each.getHandle() for each in clients if each.getPeer().port == access.port]


async def test_what_is_still_to_be_sent_dies_with_the_rack_that_sends_it(driver, service):
    def look(request):
        for each in sockets_to(access):
            lingers = struct.unpack("ii", each.getsockopt(SOL_SOCKET, SO_LINGER, 8))
            seen.append((*lingers, each.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT)))
        return refuse(request, 503)

    access, seen = service.access(), []
    service.says[POST] = look
    await failure(BmcBusy, driver.turn_on(access))
    assert seen == [(1, 0, 9000)]  # the kernel throws it away at once, and tries for 9 s at most


async def test_a_conversation_that_goes_well_is_in_no_log(driver, service, logged):
    await driver.query(service.access())
    assert [line for line in logged() if "HTTP/1.1" not in line] == []  # but for the service's own


async def test_a_bmc_with_an_ipv6_address_is_asked_as_any_other(driver, service):
    port = reactor.listenSSL(0, service.site, service, interface="::1")
    address = IPv6Address("::1")
    try:
        access = service.access(address=address, port=port.getHost().port)
        assert await driver.query(access) == "off"
        assert set(service.hosts) == {f"[::1]:{access.port}"}
    finally:
        port.stopListening()


async def test_what_was_found_is_not_looked_for_again(driver, service):
    await driver.query(service.access())
    del service.heard[:]
    assert await driver.query(service.access()) == "off"
    assert service.heard == [
        f"POST {SESSIONS}",
        f"GET {SYSTEM}",
        f"DELETE {SESSIONS}/token-2",
    ]


@pytest.mark.parametrize("status", [404, 405, 410])
async def test_a_session_service_that_has_moved_is_found_anew(driver, service, status):
    await driver.query(service.access())
    service.says[f"POST {SESSIONS}"] = lambda request: refuse(request, status)
    words = await failure(BmcBusy, driver.turn_on(service.access()))
    assert words == "the BMC has another place for its sessions now"
    del service.heard[:], service.says[f"POST {SESSIONS}"]
    assert await driver.query(service.access()) == "off"
    assert service.heard[:4] == FIRST


async def test_a_bmc_that_never_had_a_session_service_there_is_not_asked_again(driver, service):
    service.says[f"POST {SESSIONS}"] = lambda request: refuse(request, 404)
    await failure(BmcRefused, driver.query(service.access()))


async def test_a_bmc_that_closes_each_connection_and_is_slow_to_take_the_next_keeps_no_session(
    driver, service
):
    service.closes = True
    factory = SlowDoor("127.0.0.1", service.port.getHost().port)
    factory.seconds = lambda: 1.5 if f"GET {SYSTEM}" in service.heard else 0
    door = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        assert await driver.query(service.access(port=door.getHost().port)) == "off"
    finally:
        door.stopListening()
    assert service.heard == [*FIRST, f"DELETE {SESSIONS}/token-1"]
    assert (service.connections, service.sessions) == (5, set())


async def test_basic_authentication_is_used_where_it_is_asked_for(driver, service):
    await driver.turn_on(service.access(login="basic"))
    assert set(service.credentials[1:]) == {"basic"}
    assert service.credentials[0] == "nobody"
    assert (service.told, service.tokens) == (["On"], 0)


async def test_basic_authentication_is_used_where_there_are_no_sessions(driver, service):
    service.has_sessions = False
    assert await driver.query(service.access()) == "off"
    assert service.credentials == ["nobody", "basic", "basic"]


async def test_a_wrong_password_is_told_once(driver, service):
    words = await failure(BmcRefusedPassword, driver.turn_on(service.access(user="nobody")))
    assert words == "the BMC refuses the user name or password (HTTP 401)"
    assert service.heard == FIRST[:2]


@pytest.mark.parametrize("login", ["session", "basic"])
async def test_a_service_that_wants_a_login_for_its_root_has_not_refused_the_password(
    driver, service, login
):
    service.says[f"GET {ROOT}"] = lambda request: refuse(request, 401)
    words = await failure(BmcRefused, driver.query(service.access(login=login)))
    assert words.startswith("the BMC wants a login before it says what it is (HTTP 401)")
    assert service.credentials == ["nobody"]


async def test_a_session_that_the_bmc_ends_is_no_wrong_password(driver, service):
    def forget(_request):
        service.sessions.clear()
        return refuse(_request, 401)

    service.says[f"GET {SYSTEM}"] = forget
    assert await failure(BmcBusy, driver.turn_on(service.access())) == (
        "the BMC has ended the session"
    )
    assert service.told == []


async def test_a_bmc_without_a_session_left_is_busy(driver, service):
    extended = [{"MessageId": "Base.1.8.SessionLimitExceeded"}]
    more = {"error": {"@Message.ExtendedInfo": extended}}
    service.says[f"POST {SESSIONS}"] = lambda request: refuse(request, 400, **more)
    words = await failure(BmcBusy, driver.query(service.access()))
    assert words == "the BMC has no session left (HTTP 400)"


async def test_a_kind_that_the_bmc_does_not_do_is_not_sent(driver, service):
    service.kinds = ("ForceOn", "ForceOff")
    words = await failure(BmcRefused, driver.reset(service.access()))
    assert words == "the BMC does not do ForceRestart; it does ForceOff, ForceOn"
    assert POST not in service.heard
    assert service.sessions == set()
    service.says[POST] = lambda request: (
        service.told.append(json.load(request.content)["ResetType"]) or b"{}"
    )
    await driver.turn_on(service.access())
    assert service.told == ["ForceOn"]


async def test_a_bmc_that_does_not_say_where_it_is_told_is_not_told(driver, service):
    service.says[f"GET {SYSTEM}"] = lambda request: b'{"PowerState": "On"}'
    words = await failure(BmcRefused, driver.turn_off(service.access()))
    assert words == "the BMC does not say where its system is told to switch"


async def test_a_bmc_that_does_not_say_what_it_does_is_told(driver, service):
    service.kinds = None
    await driver.shut_down(service.access())
    assert service.told == ["GracefulShutdown"]


async def test_a_refusal_to_be_what_it_is_already_is_no_trouble(driver, service):
    service.state = "On"
    service.says[POST] = lambda request: refuse(request, 400)
    await driver.turn_on(service.access())
    await failure(BmcRefused, driver.turn_off(service.access()))
    await failure(BmcRefused, driver.reset(service.access()))


async def test_a_bmc_that_agrees_and_does_nothing_is_left_after_a_while(driver, service):
    service.says[POST] = lambda request: service.told.append("agreed") or b"{}"
    began = reactor.seconds()
    with Stopwatch() as taken:
        await driver.turn_on(service.access())
    assert reactor.seconds() - began > 2
    assert taken.seconds < 7
    assert service.told == ["agreed"]
    assert service.sessions == set()


async def test_trouble_after_the_bmc_has_agreed_is_none_of_the_command(driver, service):
    def agree(_request):
        service.says[f"GET {SYSTEM}"] = lambda request: refuse(request, 500)
        return b"{}"

    service.says[POST] = agree
    await driver.turn_on(service.access())
    assert service.heard.count(POST) == 1


@pytest.mark.parametrize("name", ["turn_on", "turn_off", "reset", "shut_down"])
async def test_what_is_told_and_not_answered_is_unknown_and_told_once(driver, service, name):
    service.says[POST] = lambda request: request.transport.abortConnection() or never(request)
    words = await failure(BmcSilent, getattr(driver, name)(service.access()))
    assert words.startswith("the BMC was told, and did not answer: ")
    assert service.heard.count(POST) == 1
    await heard(service, f"DELETE {SESSIONS}/token-1")
    assert service.sessions == set()


async def test_a_bmc_that_takes_too_long_is_told_once_and_left(driver, service):
    service.says[POST] = never
    began = reactor.seconds()
    words = await failure(BmcSilent, driver.reset(service.access()))
    assert reactor.seconds() - began > 5
    assert "within" in words
    assert service.heard.count(POST) == 1
    assert service.sessions == set()


async def test_what_is_broken_before_anything_is_told_is_not_unknown(driver, service):
    service.says[f"GET {SYSTEM}"] = lambda request: refuse(request, 500)
    await failure(BmcBusy, driver.reset(service.access()))
    service.says[f"GET {SYSTEM}"] = None
    service.says[POST] = lambda request: refuse(request, 500)
    await failure(BmcSilent, driver.reset(service.access()))


async def test_the_next_start_is_once_and_of_the_version_that_was_seen(driver, service):
    service.etag = 'W/"7"'
    await driver.boot_once(service.access(), "bios")
    assert service.told == [("Once", "BiosSetup", 'W/"7"')]


async def test_a_cancelled_conversation_ends_its_session(driver, service):
    service.says[POST] = never
    talk = Deferred.fromCoroutine(driver.turn_on(service.access()))
    await heard(service, POST)
    talk.cancel()
    with pytest.raises(CancelledError):
        await talk
    assert service.heard[-1] == f"DELETE {SESSIONS}/token-1"
    assert service.sessions == set()
    assert await driver.query(service.access()) == "off"


async def test_a_bmc_has_one_conversation_at_a_time(driver, service):
    most = []
    service.says[f"GET {SYSTEM}"] = lambda request: most.append(len(service.sessions)) or b"{}"
    access = service.access()
    talks = [Deferred.fromCoroutine(driver.query(access)) for _ in range(4)]
    assert await gatherResults(talks) == ["unknown"] * 4
    assert most == [1] * 4
