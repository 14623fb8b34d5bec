"""The command lines of ipmitool, and its words."""

from ipaddress import IPv4Address

import pytest
from attrs import evolve

from evenrack.errors import (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
    CannotEverWork,
)
from evenrack.model.power import BmcAccess
from evenrack.rack.power.ipmi_command import (
    Said,
    ipmitool_arguments,
    read_done,
    read_state,
    refuses_suite,
)

HIDDEN = "hidden word"
ACCESS = BmcAccess(address=IPv4Address("10.0.0.9"), port=6230, user="me", password=HIDDEN)
WHAT = ("status", "on", "off")
NO_SESSION = "Error: Unable to establish IPMI v2 / RMCP+ session"
NOISE = "Loading IANA PEN Registry...\nGet HPM.x Capabilities request failed, compcode = d4\n"


def said(*lines, code=1, output=""):
    return Said(code=code, output=output, errors=NOISE + "".join(f"{line}\n" for line in lines))


def session_error(reason):
    return f"Error in open session response message : {reason}\n", NO_SESSION


def failure(words):
    """Give what both kinds of command raise for these words: the same."""
    with pytest.raises(Exception) as of_state:  # noqa: PT011  its type is what is looked at
        read_state(words)
    with pytest.raises(type(of_state.value)) as of_change:
        read_done(words)
    assert str(of_state.value) == str(of_change.value)
    return of_state.value


def test_the_command_lines_are_these():
    options = "-v -I lanplus -H 10.0.0.9 -p 6230 -U me -f /dev/fd/3 -L OPERATOR"
    assert {what: " ".join(ipmitool_arguments(ACCESS, 17, what)) for what in WHAT} == {
        "status": f"ipmitool {options} -C 17 -N 4 -R 2 chassis power status",
        "on": f"ipmitool {options} -C 17 -N 6 -R 1 chassis power on",
        "off": f"ipmitool {options} -C 17 -N 6 -R 1 chassis power off",
    }


def test_a_boot_device_is_set_for_the_firmware_that_a_bmc_is_declared_with():
    for way, words in (("uefi", ["pxe", "options=efiboot"]), ("legacy", ["pxe"])):
        line = ipmitool_arguments(evolve(ACCESS, boot_type=way), 17, "pxe")
        assert list(line[line.index("bootdev") + 1 :]) == words
    assert HIDDEN not in " ".join(line)


def test_a_boot_device_that_is_set_is_done_and_one_that_is_refused_is_not_whatever_the_exit_code():
    read_done(
        said(
            "Set Chassis Boot Parameter 4 failed: Invalid data field in request",
            code=0,
            output="Set Boot Device to pxe\n",
        )
    )
    refused = said("Set Chassis Boot Parameter 5 failed: Invalid data field in request", code=0)
    with pytest.raises(BmcRefused, match="Invalid data field"):
        read_done(refused)
    with pytest.raises(BmcRefused, match="Invalid data field"):
        read_done(said("Set Chassis Boot Parameter 4 failed: Invalid data field in request"))
    busy = said("Set Chassis Boot Parameter 5 failed: Node busy", code=0)
    with pytest.raises(BmcBusy):
        read_done(busy)


def test_the_privilege_that_a_bmc_is_declared_with_is_asked_for():
    words = ipmitool_arguments(evolve(ACCESS, privilege="administrator"), 17, "status")
    assert words[words.index("-L") + 1] == "ADMINISTRATOR"


@pytest.mark.parametrize("what", WHAT)
def test_no_command_line_has_the_password_or_a_second_v(what):
    arguments = ipmitool_arguments(ACCESS, 17, what)
    assert ACCESS.password not in " ".join(arguments)
    assert arguments.count("-v") == 1
    assert {"-P", "-E", "-vv"} & set(arguments) == set()


@pytest.mark.parametrize("state", ["on", "off"])
def test_a_state_is_read(state):
    assert read_state(said(code=0, output=f"Chassis Power is {state}\n")) == state


def test_a_state_that_is_not_told_is_unknown():
    assert read_state(said(code=0, output="Chassis Power is fine\n")) == "unknown"
    assert read_state(said(code=0)) == "unknown"


@pytest.mark.parametrize("done", ["Up/On", "Down/Off"])
def test_a_change_that_the_bmc_agreed_to_is_done(done):
    read_done(said(code=0, output=f"Chassis Power Control: {done}\n"))


def test_a_change_of_which_nothing_is_said_may_be_done():
    with pytest.raises(BmcSilent, match="code 0"):
        read_done(said(code=0))


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (session_error("invalid authentication algorithm"), BmcRefusedSuite),
        (session_error("invalid integrity algorithm"), BmcRefusedSuite),
        (session_error("invalid confidentiality algorithm"), BmcRefusedSuite),
        (session_error("no matching cipher suite"), BmcRefusedSuite),
        (
            ("Authentication algorithm 0x01 is not what we requested 0x03\n", NO_SESSION),
            BmcRefusedSuite,
        ),
        (("> RAKP 2 HMAC is invalid", NO_SESSION), BmcRefusedPassword),
        (
            ("> RAKP 4 message has invalid integrity check value", NO_SESSION),
            BmcRefusedPassword,
        ),
        (
            ("RAKP 2 message indicates an error : unauthorized name", NO_SESSION),
            BmcRefusedPassword,
        ),
        (
            ("RAKP 4 message indicates an error : invalid integrity check value", NO_SESSION),
            BmcRefusedPassword,
        ),
        (("RAKP 2 message indicates an error : unauthorized role requested",), BmcRefused),
        (session_error("insufficient resources for session"), BmcBusy),
        (session_error("Unknown (0x42)"), BmcRefused),
        (
            (
                "Set Session Privilege Level to OPERATOR failed: Insufficient privilege level",
                NO_SESSION,
            ),
            BmcRefused,
        ),
        (("Set Session Privilege Level to OPERATOR failed", NO_SESSION), BmcUnreachable),
        (("Set Chassis Power Control to Up/On failed: Node busy",), BmcBusy),
        (("Set Chassis Power Control to Down/Off failed: Unknown (0x42)",), BmcBusy),
        (("Set Chassis Power Control to Up/On failed: Invalid command",), BmcRefused),
        (("Set Chassis Power Control to Up/On failed: Timeout",), BmcBusy),
        (
            ("Set Chassis Power Control to Up/On failed: Cannot execute duplicated request",),
            BmcBusy,
        ),
        (("Set Chassis Power Control to Reset failed: Timeout",), BmcSilent),
        (("Set Chassis Power Control to Soft failed: Unspecified error",), BmcSilent),
        (
            ("Set Chassis Power Control to Reset failed: Command response could not be provided",),
            BmcSilent,
        ),
        (
            ("Set Chassis Power Control to Reset failed: Cannot execute duplicated request",),
            BmcSilent,
        ),
        (("Set Chassis Power Control to Reset failed: Node busy",), BmcBusy),
        (("Set Chassis Power Control to Soft failed: Invalid command",), BmcRefused),
        (("Get Chassis Power Status failed: BMC initialization in progress",), BmcBusy),
        (("Get Chassis Power Status failed: Insufficient privilege level",), BmcRefused),
        (("Unable to get Chassis Power Status",), BmcSilent),
        (("Unable to set Chassis Power Control to Up/On",), BmcSilent),
        (("Get Auth Capabilities error", NO_SESSION), BmcUnreachable),
        (("This BMC does not support IPMI v2 / RMCP+", NO_SESSION), BmcUnreachable),
        (("> Error: no response from RAKP 3 message", NO_SESSION), BmcUnreachable),
        (("something new",), BmcSilent),
        ((), BmcSilent),
    ],
)
def test_every_failure_has_its_class(lines, kind):
    words = said(*lines)
    assert type(failure(words)) is kind
    assert refuses_suite(words) == (kind is BmcRefusedSuite)


def test_what_a_signal_ended_may_have_been_done():
    assert isinstance(failure(said(code=None)), BmcSilent)


def test_who_answers_refuses_no_suite():
    assert not refuses_suite(said(code=0, output="Chassis Power is on\n"))


def test_a_refusal_is_told_in_the_words_of_the_bmc():
    refused = failure(said(*session_error("unauthorized GUID")))
    assert str(refused) == "the BMC refuses a session: unauthorized GUID"
    assert isinstance(refused, CannotEverWork)


def test_a_session_that_did_not_come_about_is_told_with_the_last_reason():
    lost = failure(said("> Error: no response from RAKP 1 message", "", NO_SESSION))
    assert str(lost).endswith(": > Error: no response from RAKP 1 message")
    nothing = Said(code=1, output="", errors=NO_SESSION)
    assert str(failure(nothing)).endswith(": it gave no reason")
