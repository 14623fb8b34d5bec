"""What a Redfish service says is read exactly, and none of its links leads away."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import BmcRefused
from evenrack.rack.power.rest.answers import (
    MOST_ERROR_BYTES,
    MOST_MEMBERS,
    MOST_WORDS,
    Service,
    kind_for,
    path_of,
    read_error,
    read_members,
    read_object,
    read_service,
    read_system,
    says,
    system_among,
    words_of,
)

PATH = "/redfish/v1/Systems/1"
RESET = f"{PATH}/Actions/ComputerSystem.Reset"
SYSTEM = {
    "PowerState": "On",
    "Boot": {
        "BootSourceOverrideMode": "UEFI",
        "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", 7],
    },
    "Actions": {
        "#ComputerSystem.Reset": {
            "target": RESET,
            "ResetType@Redfish.AllowableValues": ["On", "ForceOff"],
        }
    },
}


def told(*messages, **more):
    extended = [{"Message": text, "MessageId": f"Base.1.8.{name}"} for name, text in messages]
    return json.dumps({"error": {"@Message.ExtendedInfo": extended} | more}).encode()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"7", b"\xff", b"[" * 100_000, b"9" * 9999]
)
def test_what_is_no_json_object_is_said_to_be_none(body):
    with pytest.raises(ValueError, match="what it answers is no JSON"):
        read_object(body)


@pytest.mark.parametrize(
    "link",
    [
        "http://10.9.0.1/redfish/v1/Systems",
        "https://127.0.0.1/redfish/v1/Systems",
        "//10.9.0.1/redfish/v1",
        "/\\10.9.0.1/redfish/v1",
        "redfish/v1/Systems",
        "/redfish/v1/Systems?skip=1",
        "/redfish/v1/Systems#1",
        "/redfish/v1/../../other",
        "/redfish/v1/%2e%2e/%2e%2e/other",
        "/redfish/v1/Sys tems",
        "/redfish/v1/Systems\r\nHost: other",
        "/redfish/v1/" + "x" * 500,
        "/elsewhere",
        "",
        None,
        7,
        {"@odata.id": "/redfish/v1"},
    ],
)
def test_a_link_that_leads_anywhere_but_into_the_service_itself_is_refused(link):
    with pytest.raises(ValueError, match="a link of it"):
        path_of(link)


def test_the_root_says_where_systems_and_sessions_are():
    root = {
        "Systems": {"@odata.id": "/redfish/v1/Systems"},
        "Links": {"Sessions": {"@odata.id": "/redfish/v1/Sessions"}},
        "SessionService": {"@odata.id": "/redfish/v1/SessionService/"},
    }
    systems = "/redfish/v1/Systems"
    assert read_service(root) == Service(systems=systems, sessions="/redfish/v1/Sessions")
    del root["Links"]
    sessions = "/redfish/v1/SessionService/Sessions"
    assert read_service(root) == Service(systems=systems, sessions=sessions)
    del root["SessionService"]
    assert read_service(root) == Service(systems=systems, sessions=None)
    with pytest.raises(ValueError, match="it has no systems"):
        read_service({})


def test_the_members_of_a_collection_are_read_in_their_order():
    assert read_members({"Members": [{"@odata.id": f"{PATH}2"}, {"@odata.id": PATH}]}) == (
        f"{PATH}2",
        PATH,
    )
    for bad in ({}, {"Members": {}}, {"Members": [{}]}, {"Members": ["/"]}):
        with pytest.raises(ValueError, match=r"it does not say which|a link of it"):
            read_members(bad)
    many = [{"@odata.id": PATH}] * (MOST_MEMBERS + 1)
    with pytest.raises(ValueError, match="it has 65 systems; at most 64"):
        read_members({"Members": many})


def test_the_only_system_or_the_one_with_the_name_is_meant():
    members = ["/redfish/v1/Systems/1", "/redfish/v1/Systems/Node%202/"]
    assert system_among(members[:1], "") == members[0]
    assert system_among(members, "1") == members[0]
    assert system_among(members, "Node 2") == members[1]


@pytest.mark.parametrize(
    ("count", "wanted", "words"),
    [
        (0, "", "the BMC has 0 systems; it has none"),
        (2, "", "the BMC has 2 systems: say which one (--system); it has 0, 1"),
        (1, "9", "the BMC has no system 9; it has 0"),
        (7, "9", "the BMC has no system 9; it has 0, 1, 2, 3, 4, ..."),
    ],
)
def test_a_system_that_is_not_clear_is_asked_for(count, wanted, words):
    with pytest.raises(BmcRefused) as refused:
        system_among([f"/redfish/v1/Systems/{number}" for number in range(count)], wanted)
    assert str(refused.value) == words


def test_a_system_says_its_power_and_where_it_is_told():
    found = read_system(SYSTEM, PATH, "W/1")
    assert (found.path, found.power, found.reset, found.etag) == (PATH, "on", RESET, "W/1")
    assert found.resets == {"On", "ForceOff"}
    assert found.boot_devices == {"None", "Pxe"}
    assert found.has_boot_mode


@pytest.mark.parametrize(
    ("state", "power"),
    [("On", "on"), ("Off", "off"), ("PoweringOn", "unknown"), (None, "unknown"), ([], "unknown")],
)
def test_only_on_and_off_are_known_states(state, power):
    assert read_system({"PowerState": state}, PATH).power == power


def test_of_what_a_system_does_not_say_nothing_is_known():
    for form in ({}, {"Boot": 7, "Actions": []}, {"Actions": {"#ComputerSystem.Reset": "x"}}):
        found = read_system(form, PATH)
        assert (found.power, found.reset, found.resets) == ("unknown", None, None)
        assert (found.boot_devices, found.has_boot_mode) == (None, False)
    with pytest.raises(ValueError, match="a link of it leads elsewhere"):
        read_system({"Actions": {"#ComputerSystem.Reset": {"target": "https://x"}}}, PATH)


def test_the_first_kind_that_a_system_takes_is_chosen():
    system = read_system(SYSTEM, PATH)
    assert kind_for(system, ("On", "ForceOn")) == "On"
    assert kind_for(system, ("GracefulShutdown", "ForceOff")) == "ForceOff"
    assert kind_for(read_system({}, PATH), ("ForceRestart",)) == "ForceRestart"
    with pytest.raises(BmcRefused, match="does not do ForceRestart; it does ForceOff, On"):
        kind_for(system, ("ForceRestart",))


def read(*messages, **more):
    return read_error(told(*messages, **more))


def test_the_words_of_an_error_are_those_for_people():
    assert words_of(read(("A", "It burns."), ("B", "Run!")), ()) == "It burns. Run!"
    assert words_of(read(message="General"), ()) == "General"
    assert words_of(read(("A", "x" * 500)), ()) == "x" * MOST_WORDS + "..."
    assert words_of(read(("A", "a\x1b[2Jb\n")), ()) == "a [2Jb "
    for silent in (b"", b"<html>", b"{}", b'{"error": 7}', told(), b'{"error": {"message": 7}}'):
        assert words_of(read_error(silent), ()) == ""


def test_a_password_that_a_bmc_says_back_is_not_shown():
    words = words_of(read(("A", "no s3cret here")), ("s3cret", ""))
    assert words == "its words have the password in them, and are not shown"


def test_an_error_that_is_long_is_not_read():
    text = "x" * (MOST_ERROR_BYTES - len(told(("A", ""))))
    assert words_of(read(("A", text)), ()) != ""
    assert read(("A", f"{text}x")) == ()


def test_a_message_is_known_in_every_version_of_its_registry():
    assert says(read(("SessionLimitExceeded", "")), "SessionLimitExceeded")
    assert says(read(("UnauthorizedLoginAttempt", "")), "UnauthorizedLogin")
    assert not says(read(("Other", "")), "SessionLimitExceeded")
    assert not says(
        read_error(b'{"error": {"@Message.ExtendedInfo": [7]}}'), "SessionLimitExceeded"
    )


@given(st.text(alphabet="/redfishv1.:%\\@?# x2E\n", max_size=40))
def test_what_passes_as_a_link_begins_with_the_service(text):
    try:
        path = path_of(f"/redfish/{text}")
    except ValueError:
        return
    url = urlsplit(f"https://10.9.0.1:443{path}")
    assert (url.netloc, url.path) == ("10.9.0.1:443", path)
