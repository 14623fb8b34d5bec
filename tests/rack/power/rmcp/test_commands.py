"""Commands, their answers, and what a BMC means by its codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.errors import BmcBusy, BmcRefused, BmcSilent, EvenrackError
from evenrack.rack.power.rmcp.commands import (
    OFF,
    ON,
    RESET,
    SOFT,
    STATUS,
    boot_once,
    close_session,
    power_state,
    set_privilege,
)
from evenrack.rack.power.rmcp.completion import level_refusal, refusal

ANSWER = bytes.fromhex("81 04 7b 20 04 01 00 01 00 00 da")


def test_what_is_asked_has_the_form_of_ipmi():
    assert STATUS.message(1).hex() == "2000e08104017a"
    assert ON.message(63).hex() == "2000e081fc020180"
    assert set_privilege(3).message(0).hex() == "2018c881003b0341"
    assert close_session(0x01020304).message(0)[5:10].hex() == "3c04030201"


def test_each_command_says_what_to_do():
    assert [each.data for each in (OFF, ON, RESET, SOFT)] == [b"\0", b"\1", b"\3", b"\5"]


def test_only_status_on_and_off_are_ever_repeated_and_a_change_is_the_same_datagram():
    assert [each.repeat for each in (STATUS, ON, OFF, RESET, SOFT)] == [
        *("anew", "same", "same", "never", "never")
    ]


@pytest.mark.parametrize(
    ("device", "boot_type", "flags"),
    [
        ("pxe", "uefi", "05a004000000"),
        ("pxe", "legacy", "058004000000"),
        ("disk", "uefi", "05a008000000"),
        ("bios", "legacy", "058018000000"),
    ],
)
def test_a_boot_device_is_for_once_and_for_one_kind_of_firmware(device, boot_type, flags):
    keep, set_flags = boot_once(device, boot_type)
    assert (keep.data.hex(), keep.may_be_refused) == ("0308", True)
    assert (set_flags.data.hex(), set_flags.may_be_refused) == (flags, False)


@pytest.mark.parametrize(
    ("code", "kind"), [(0x80, BmcRefused), (0x81, BmcBusy), (0x82, BmcRefused), (0xCC, BmcRefused)]
)
def test_a_bmc_without_a_boot_device_says_so_once_and_is_not_asked_again(code, kind):
    _, boot = boot_once("pxe", "uefi")
    found = refusal(code, boot.name, of_its_own=boot.refusals)
    assert type(found) is kind
    assert "boot once from pxe" in str(found)


def test_the_answer_to_this_question_is_read_and_no_other():
    assert STATUS.read(ANSWER, 1) == (0, b"\1\0\0")
    assert STATUS.read(ANSWER, 2) is None
    assert ON.read(ANSWER, 1) is None
    assert STATUS.read(STATUS.message(1) + b"\0", 1) is None
    for length in range(8):
        assert STATUS.read(ANSWER[:length], 1) is None


@given(st.binary(max_size=30), st.integers(0, 63))
def test_whatever_was_proved_is_read_or_is_none(payload, request_number):
    STATUS.read(payload, request_number)


@given(st.binary(max_size=5))
def test_a_state_is_on_or_off_or_unknown(data):
    assert power_state(data) in {"on", "off", "unknown"}


def test_states_are_read():
    assert [power_state(data) for data in (b"", b"\x21", b"\x20\0\0")] == ["unknown", "on", "off"]


@pytest.mark.parametrize("code", range(1, 256))
def test_every_code_is_of_a_class_and_says_its_number(code):
    busy = {0xC0, 0xC3, 0xC4, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD5, 0xD7, 0xFF}
    found = refusal(code, "power on")
    assert isinstance(found, EvenrackError)
    assert f"code 0x{code:02x}" in str(found)
    assert type(found) is (BmcRefused if 0xC1 <= code <= 0xD6 and code not in busy else BmcBusy)


@pytest.mark.parametrize("code", range(1, 256))
def test_what_is_sent_once_may_have_been_done_when_the_code_leaves_that_open(code):
    found, open_codes = refusal(code, "reset", once=True), {0xC3, 0xCE, 0xCF, 0xFF}
    assert type(found) is (BmcSilent if code in open_codes else type(refusal(code, "reset")))
    assert f"code 0x{code:02x}" in str(found)


def test_a_privilege_that_is_refused_is_named():
    assert isinstance(level_refusal(0x81, "operator"), BmcRefused)
    assert "privilege operator" in str(level_refusal(0x81, "operator"))
    assert isinstance(level_refusal(0xC0, "operator"), BmcBusy)
