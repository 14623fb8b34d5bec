"""Whatever answers at the address of a Redfish BMC: it is told nothing more, and takes no more."""

import base64
import gzip

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.server import NOT_DONE_YET

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcSilent,
    BmcUnreachable,
    EvenrackError,
)
from evenrack.rack.power.redfish import RedfishDriver
from evenrack.rack.power.rest.lines import MOST_BYTES
from tests.rack.power.redfish_farm import (
    PASSWORD,
    USER,
    failure,
)
from tests.rack.power.small_redfish import (
    RESET,
    ROOT,
    SESSIONS,
    SYSTEM,
    SYSTEMS,
    SmallRedfish,
    form,
    refuse,
)

pytestmark = pytest.mark.deadline(120)
PLACES = [f"GET {ROOT}", f"POST {SESSIONS}", f"GET {SYSTEMS}", f"GET {SYSTEM}"]
POST = f"POST {RESET}"


@pytest.fixture
def driver():
    return RedfishDriver(reactor)


@pytest.fixture
def elsewhere():
    """Give another service, which nobody should ask anything."""
    found = SmallRedfish(clock=reactor).listen()
    yield found
    found.end()
    assert (found.heard, found.connections) == ([], 0)


def redirect(location, status):
    def say(request):
        request.setHeader("location", location)
        return refuse(request, status)

    return say


def closes(request):
    request.write(b'{"half": ')
    request.notifyFinish().addErrback(lambda _: None)
    request.channel.loseConnection()
    return NOT_DONE_YET


def cuts(request):
    request.setHeader("content-length", "1000")
    request.write(b'{"half": ')
    request.notifyFinish().addErrback(lambda _: None)
    request.transport.abortConnection()
    return NOT_DONE_YET


def pours(request):
    """Send for as long as somebody listens."""
    listening = [True]
    request.notifyFinish().addBoth(lambda _: listening.clear())

    def more():
        if listening:
            request.write(b" " * 65536)
            reactor.callLater(0, more)

    more()
    return NOT_DONE_YET


def packed(request):
    request.setHeader("content-encoding", "gzip")
    return gzip.compress(b" " * (8 * MOST_BYTES))


BODIES = {
    "nothing": b"",
    "page": b"<html>log in</html>",
    "list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "number": b"1" * 100_000,
    "bytes": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("place", [PLACES[0], PLACES[2], PLACES[3]])
@pytest.mark.parametrize("body", BODIES)
async def test_what_is_no_json_object_is_no_answer_and_nothing_is_told(
    driver, service, place, body
):
    service.says[place] = lambda request: BODIES[body]
    words = await failure(BmcUnreachable, driver.turn_off(service.access()))
    assert "as it should: what it answers is no JSON" in words
    assert (service.told, service.sessions) == ([], set())


@pytest.mark.parametrize("say", [pours, packed, closes, cuts])
@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_without_end_or_half_of_one_is_none(driver, service, place, say):
    service.says[place] = say
    words = await failure(BmcUnreachable, driver.turn_on(service.access()))
    assert say is not packed or "its answer is packed, which nobody asked for" in words
    assert POST not in service.heard


@pytest.mark.parametrize("say", [pours, packed, cuts])
async def test_such_an_answer_to_a_command_leaves_it_open_and_it_is_told_once(driver, service, say):
    service.says[POST] = say
    await failure(BmcSilent, driver.reset(service.access()))
    assert service.heard.count(POST) == 1


async def test_an_answer_that_is_too_long_is_said_to_be_that(driver, service):
    service.says[f"GET {SYSTEM}"] = pours
    words = await failure(BmcUnreachable, driver.query(service.access()))
    assert words.endswith(f"says more than {MOST_BYTES} bytes")


async def test_many_long_answers_on_one_connection_are_heard(driver, service):
    def say(request):
        return form(service._system() | {"more": "x" * (MOST_BYTES // 2)})

    service.says[f"GET {SYSTEM}"] = say
    await driver.turn_on(service.access())  # and a look before it, and one after it at least
    assert service.heard.count(f"GET {SYSTEM}") >= 2
    service.says[f"GET {SYSTEMS}"] = lambda request: form(
        {"Members": [linked(SYSTEM)], "more": "x" * (MOST_BYTES // 2)}
    )
    assert await RedfishDriver(reactor).query(service.access()) == "on"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", [*PLACES, POST])
async def test_no_redirect_is_followed(driver, service, elsewhere, place, status):
    port = elsewhere.port.getHost().port
    where = place.partition(" ")[2]
    service.says[place] = redirect(f"https://127.0.0.1:{port}{where}", status)
    words = await failure(BmcRefused, driver.turn_on(service.access()))
    assert "elsewhere, which is not followed" in words
    assert service.told == []


def linked(link):
    return {"@odata.id": link}


def answers_with(port):
    """Give each answer that has a link in it, with one that leads elsewhere."""
    away = f"https://127.0.0.1:{port}"
    return [
        (f"GET {ROOT}", {"Systems": linked(f"{away}{SYSTEMS}")}),
        (f"GET {ROOT}", {"Systems": linked(f"//127.0.0.1:{port}{SYSTEMS}")}),
        (
            f"GET {ROOT}",
            {"Systems": linked(SYSTEMS), "Links": {"Sessions": linked(away + SESSIONS)}},
        ),
        (f"GET {ROOT}", {"Systems": linked(SYSTEMS), "SessionService": linked(away)}),
        (f"GET {SYSTEMS}", {"Members": [linked(away + SYSTEM)]}),
        (f"GET {SYSTEMS}", {"Members": [linked(f"@127.0.0.1:{port}{SYSTEM}")]}),
        (
            f"GET {SYSTEM}",
            {"Actions": {"#ComputerSystem.Reset": {"target": away + RESET}}},
        ),
    ]


@pytest.mark.parametrize("number", range(len(answers_with(0))))
async def test_no_link_to_another_host_is_followed(driver, service, elsewhere, number):
    place, answer = answers_with(elsewhere.port.getHost().port)[number]
    service.says[place] = lambda request: form(answer)
    words = await failure(BmcUnreachable, driver.turn_on(service.access()))
    assert "a link of it leads elsewhere" in words
    assert (service.told, service.sessions) == ([], set())


async def test_a_session_that_is_said_to_be_elsewhere_is_not_ended_there(
    driver, service, elsewhere
):
    def begin(request):
        body = service._begin(request)
        request.setHeader("location", f"https://127.0.0.1:{elsewhere.port.getHost().port}/x")
        return body

    service.says[f"POST {SESSIONS}"] = begin
    assert await driver.query(service.access()) == "off"
    assert not any(each.startswith("DELETE") for each in service.heard)


async def test_a_session_whose_place_is_a_whole_address_is_ended_on_the_bmc(driver, service):
    def begin(request):
        body = service._begin(request)
        request.setHeader("location", f"https://bmc.test{SESSIONS}/token-1")
        return body

    service.says[f"POST {SESSIONS}"] = begin
    assert await driver.query(service.access()) == "off"
    assert service.sessions == set()


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [
        (403, BmcRefused, BmcRefused),
        (404, BmcRefused, BmcRefused),
        (429, BmcBusy, BmcBusy),
        (500, BmcBusy, BmcSilent),
        (502, BmcBusy, BmcSilent),
        (503, BmcBusy, BmcBusy),
    ],
)
async def test_each_status_has_its_class_before_and_after_it_was_told(
    driver, service, status, before, after
):
    service.says[f"GET {SYSTEM}"] = lambda request: refuse(request, status)
    await failure(before, driver.reset(service.access()))
    assert service.told == []
    del service.says[f"GET {SYSTEM}"]
    service.says[POST] = lambda request: refuse(request, status)
    await failure(after, driver.reset(service.access()))
    assert service.heard.count(POST) == 1


async def test_a_password_that_is_said_back_is_not_passed_on(driver, service):
    error = {"message": f"I was told {PASSWORD}, look!"}
    service.says[f"GET {SYSTEM}"] = lambda request: refuse(request, 403, error=error)
    words = await failure(BmcRefused, driver.query(service.access()))
    assert "its words have the password in them" in words


LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SAID_BACK = [
    *((secret, first) for secret in (PASSWORD, LOGIN) for first in ("", "x" * 40)),
    (PASSWORD, "x" * 60),  # of which the end is not shown
]


@pytest.mark.parametrize(("secret", "first"), SAID_BACK)
async def test_no_name_kind_or_link_passes_on_a_password_that_is_said_back(
    driver, service, secret, first
):
    back = f"{first}{secret}"
    places = {
        f"GET {ROOT}": (BmcUnreachable, {"Systems": linked(f"https://{back}")}),
        f"GET {SYSTEMS}": (BmcRefused, {"Members": [linked(f"{SYSTEM}{back}"), linked(SYSTEM)]}),
        f"GET {SYSTEM}": (
            BmcRefused,
            {
                "Actions": {
                    "#ComputerSystem.Reset": {
                        "target": RESET,
                        "ResetType@Redfish.AllowableValues": [back],
                    }
                }
            },
        ),
    }
    for place, (kind, answer) in places.items():
        service.says = {place: lambda request, answer=answer: form(answer)}
        words = await failure(kind, driver.turn_on(service.access()))
        assert words == "the password is in what the BMC says, which is not shown"


async def test_without_a_token_nobody_is_logged_in(driver, service):
    service.says[f"POST {SESSIONS}"] = lambda request: form({})
    words = await failure(BmcUnreachable, driver.turn_on(service.access()))
    assert words == "the BMC lets us in, and gives no token for it"
    assert service.heard == PLACES[:2]


async def test_a_token_that_has_lines_in_it_adds_no_header(driver, service):
    def begin(request):
        body = service._begin(request)
        request.setHeader("x-auth-token", "a\r\nX-Other: b")
        return body

    seen = []
    service.says[f"POST {SESSIONS}"] = begin
    service.says[f"GET {SYSTEMS}"] = lambda request: (
        seen.append(request.getHeader("x-other")) or refuse(request, 403)
    )
    await failure(BmcRefused, driver.query(service.access()))
    assert seen == [None]


async def test_a_slow_bmc_ends_in_time_and_is_told_nothing_late(driver, service):
    def slowly(answer):
        def say(request):
            request.notifyFinish().addErrback(lambda _: None)

            def later():
                if request.transport is not None and not request._disconnected:
                    request.write(form(answer))
                    request.finish()

            reactor.callLater(4, later)
            return NOT_DONE_YET

        return say

    for place in (f"GET {SYSTEMS}", f"GET {SYSTEM}"):
        service.says[place] = slowly({"Members": [linked(SYSTEM)]})
    service.says[f"GET {ROOT}"] = slowly(service._root())
    words = await failure(BmcUnreachable, driver.turn_on(service.access()), seconds=12)
    assert "no answer of" in words
    assert POST not in service.heard
    await deferLater(reactor, 3.1)  # what it still says, it says to nobody
    assert POST not in service.heard


async def test_whatever_went_wrong_the_next_conversation_is_as_the_first(service):
    for place in PLACES:
        driver = RedfishDriver(reactor)  # which knows nothing, and so asks everything
        service.says[place] = cuts
        with pytest.raises(EvenrackError):
            await Deferred.fromCoroutine(driver.query(service.access()))
        del service.says[place]
        assert await driver.query(service.access()) == "off"
