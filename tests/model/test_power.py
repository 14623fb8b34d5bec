"""Power orders and outcomes: what they refuse, and how they look on the wire and in logs."""

import json
from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.identifiers import BmcId, OrderId
from evenrack.model.power import (
    BOOTS,
    PHASES,
    BmcAccess,
    PowerOrder,
    PowerOutcome,
    bmc_ids_from_json,
    deed_from_text,
    deed_of,
    default_port,
    fingerprint_from_text,
    k_g_bytes,
    phase_from_text,
    phases_between,
    power_order_from_json,
    power_order_to_json,
    power_outcome_from_json,
    power_outcome_to_json,
    probe_for,
)

HIDDEN = "not for anybody"
ACCESS = BmcAccess(address=IPv4Address("10.0.0.9"), user="operator", password=HIDDEN)
ORDER = PowerOrder(
    id=OrderId(7), attempt=2, bmc=BmcId(3), access=ACCESS, action="cycle", seconds_left=60.0
)
FORM = {
    "id": 7,
    "attempt": 2,
    "bmc": 3,
    "access": {
        "address": "10.0.0.9",
        "port": 623,
        "user": "operator",
        "password": HIDDEN,
        "cipher_suite": None,
    },
    "action": "cycle",
    "phase": "NEW",
    "seconds_left": 60.0,
}

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)
accesses = st.builds(
    BmcAccess,
    address=st.ip_addresses(),
    port=st.integers(1, 65535),
    user=words.filter(lambda word: len(word.encode()) <= 16),
    password=words.filter(lambda word: len(word.encode()) <= 20),
    cipher_suite=st.sampled_from([None, 3, 17]),
    driver=st.sampled_from(["ipmi", "ipmitool", "redfish"]),
    k_g=st.just("") | st.binary(min_size=1, max_size=20).map(lambda key: f"0x{key.hex()}"),
    privilege=st.sampled_from(["user", "operator", "administrator"]),
    boot_type=st.sampled_from(["uefi", "legacy"]),
    login=st.sampled_from(["session", "basic"]),
    system=words.filter(lambda word: len(word) <= 253) | st.just(""),
    certificate_sha256=st.just("") | st.binary(min_size=32, max_size=32).map(bytes.hex),
    certificate_name=st.sampled_from(["", "b7.example.com"]),
)
orders = st.sampled_from(sorted(PHASES)).flatmap(
    lambda action: st.builds(
        PowerOrder,
        id=st.integers().map(OrderId),
        attempt=st.integers(),
        bmc=st.integers().map(BmcId),
        access=accesses,
        action=st.just(action),
        phase=st.sampled_from(PHASES[action]),
        seconds_left=st.floats(allow_nan=False, allow_infinity=False),
        unrecorded=st.booleans(),
        boot=st.sampled_from(["pxe", "disk", "bios", None] if action in BOOTS else [None]),
    )
)
outcomes = st.builds(
    PowerOutcome,
    result=st.sampled_from(["ok", "failed", "unknown"]),
    state=st.sampled_from(["on", "off", "unknown"]),
    error=st.text(),
    retryable=st.booleans(),
    sent=st.booleans(),
)


def access(**changes):
    return attrs.evolve(ACCESS, **changes)


def form(**changes):
    return FORM | changes


def refusal(form):
    with pytest.raises(ValueError) as refused:  # noqa: PT011  its text is what is looked at
        power_order_from_json(form)
    return str(refused.value)


@given(orders)
def test_an_order_written_as_json_text_is_read_back_the_same(order):
    assert power_order_from_json(json.loads(json.dumps(power_order_to_json(order)))) == order


@given(outcomes)
def test_an_outcome_written_as_json_text_is_read_back_the_same(outcome):
    text = json.dumps(power_outcome_to_json(outcome))
    assert power_outcome_from_json(json.loads(text)) == outcome


def test_the_form_of_an_order_is_this_one_with_its_password():
    assert power_order_to_json(ORDER) == FORM
    assert power_order_from_json(form(seconds_left=60)) == ORDER


def test_no_text_of_an_order_shows_the_password():
    assert HIDDEN not in f"{ORDER} {ORDER!r} {ACCESS} {ACCESS!r}"
    assert "operator" in repr(ORDER)


@pytest.mark.parametrize(
    "password",
    ["", "x" * 21, "é" * 11, "line\n", "\0", "tab\t", "\ud800x"],
)
def test_a_password_that_ipmi_cannot_carry_is_refused_and_not_shown(password):
    with pytest.raises(ValueError, match="has 1 to 20 printable bytes") as refused:
        access(password=password)
    assert not password or password not in str(refused.value)
    told = refusal(form(access=FORM["access"] | {"password": password}))
    assert "has 1 to 20 printable bytes" in told
    assert not password or password not in told


@pytest.mark.parametrize("password", ["x", "x" * 20, "é" * 10, "with blank"])
def test_a_password_of_up_to_twenty_bytes_is_taken(password):
    assert access(password=password).password == password


@pytest.mark.parametrize("user", ["", "x" * 17, "é" * 9, "line\n", "\0", "\ud800"])
def test_a_user_name_that_ipmi_cannot_carry_is_refused(user):
    with pytest.raises(ValueError, match="1 to 16 printable bytes"):
        access(user=user)


@pytest.mark.parametrize("suite", [0, 1, 2, 4, 6, 7, 15, 16, -1])
def test_a_suite_without_encryption_or_with_a_weak_one_is_refused(suite):
    with pytest.raises(ValueError, match=f"cipher suite {suite} is not spoken; 17 and 3 are"):
        access(cipher_suite=suite)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(ValueError, match="1 to 65535"):
        access(port=port)


@pytest.mark.parametrize(
    ("action", "phase"),
    [("query", "ON_SENT"), ("on", "OFF_SENT"), ("on", "OFF_SEEN"), ("off", "ON_SENT")],
)
def test_a_phase_that_the_action_does_not_have_is_refused(action, phase):
    assert "has no phase" in refusal(form(action=action, phase=phase))


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [HIDDEN],
        HIDDEN,
        form(access=None),
        form(access=HIDDEN),
        form(access=[HIDDEN]),
        form(access={"password": [HIDDEN]}),
        form(access=FORM["access"] | {"more": 1}),
        form(access=FORM["access"] | {"port": "623"}),
        form(access=FORM["access"] | {"k_g": [HIDDEN]}),
        form(access=FORM["access"] | {"k_g": f"{HIDDEN}, too long"}),
        form(access=FORM["access"] | {"driver": "telnet"}),
        form(access=FORM["access"] | {"privilege": "root"}),
        form(access=FORM["access"] | {"cipher_suite": "17"}),
        form(seconds_left="60"),
        form(seconds_left=None),
        form(seconds_left=True),
        form(seconds_left=float("nan")),
        form(seconds_left=float("inf")),
        form(action="explode"),
        form(phase="LATER"),
        form(id="7"),
        form(more=1),
        *(form(action="on", phase="NEW", boot=boot) for boot in ("usb", "", 1, True, ["pxe"], {})),
        *(form(action=action, phase="NEW", boot="pxe") for action in ("off", "query", "soft")),
    ],
)
def test_what_is_no_order_is_refused_and_no_password_shown(bad):
    assert HIDDEN not in refusal(bad)


@pytest.mark.parametrize("bad", [None, {}, {"result": "fine", "state": "on"}, {"result": "ok"}])
def test_what_is_no_outcome_is_refused(bad):
    with pytest.raises(ValueError):  # noqa: PT011  json_form's own texts
        power_outcome_from_json(bad)


def test_a_phase_is_read_and_nothing_else():
    phases = sorted({phase for phases in PHASES.values() for phase in phases})
    assert [phase_from_text(phase) for phase in phases] == phases
    with pytest.raises(ValueError, match="a phase is one of NEW, "):
        phase_from_text("new")


def test_between_two_phases_lie_those_that_come_between_and_both():
    assert phases_between("OFF_SENT", "ON_SENT") == ("OFF_SENT", "OFF_SEEN", "ON_SENT")
    assert phases_between("OFF_SENT", "OFF_SENT") == ("OFF_SENT",)
    assert phases_between("NEW", "RESET_SENT") == ("NEW", "RESET_SENT")
    assert phases_between("OFF_SEEN", "OFF_SENT") == ("OFF_SEEN", "OFF_SENT")
    assert phases_between("RESET_SENT", "NEW") == ("RESET_SENT", "NEW")


@pytest.mark.parametrize("bad", [None, {}, "12", ["1"], [True], [1.0]])
def test_bmc_ids_are_whole_numbers(bad):
    assert bmc_ids_from_json([3, 1]) == (3, 1)
    with pytest.raises(ValueError, match="whole numbers"):
        bmc_ids_from_json(bad)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("k", b"k"),
        ("k" * 20, b"k" * 20),
        ("0x00ff", b"\0\xff"),
        ("0x" + "aB" * 20, b"\xab" * 20),
        ("é" * 10, "é".encode() * 10),
    ],
)
def test_the_key_of_a_bmc_is_text_or_digits(text, key):
    assert k_g_bytes(text) == key
    assert access(k_g=text).k_g == text


@pytest.mark.parametrize("text", ["k" * 21, "0x", "0xabc", "0xzz", "a\nb", "0x" + "aa" * 21])
def test_what_is_no_key_of_a_bmc_is_refused_and_not_shown(text):
    for refuses in (lambda: k_g_bytes(text), lambda: access(k_g=text)):
        with pytest.raises(ValueError, match=r"it has|it must have") as refused:
            refuses()
        assert text not in str(refused.value)


def test_the_key_of_a_bmc_is_in_no_repr():
    assert HIDDEN not in repr(access(k_g=HIDDEN))


def test_what_came_later_is_not_told_to_who_does_not_need_it():
    assert power_order_to_json(ORDER)["access"] == FORM["access"]
    assert "unrecorded" not in power_order_to_json(ORDER)
    later = attrs.evolve(ORDER, access=access(driver="ipmi", k_g="k"))
    assert power_order_to_json(later)["access"] == {**FORM["access"], "driver": "ipmi", "k_g": "k"}


def test_a_fingerprint_is_read_as_tools_print_it_and_kept_in_one_form():
    assert fingerprint_from_text("AB:" * 31 + "CD") == "ab" * 31 + "cd"
    assert access(certificate_sha256="ab" * 32).certificate_sha256 == "ab" * 32
    for bad in ("ab" * 31, "ab" * 33, "xy" * 32, "é" * 64):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            access(certificate_sha256=bad)
    with pytest.raises(ValueError, match="small digits and no colons"):
        access(certificate_sha256="AB" * 32)


@pytest.mark.parametrize("field", ["system", "certificate_name"])
@pytest.mark.parametrize("name", ["x" * 254, "line\n", "\0"])
def test_a_name_that_is_too_long_or_cannot_be_printed_is_refused(field, name):
    with pytest.raises(ValueError, match=f"{field} has at most 253 printable characters"):
        access(**{field: name})


@pytest.mark.parametrize(
    ("driver", "port", "probe"),
    [("ipmi", 623, "rmcp"), ("ipmitool", 623, "rmcp"), ("redfish", 443, "tcp")],
)
def test_each_driver_has_its_port_and_its_way_to_find_a_bmc(driver, port, probe):
    assert (default_port(driver), probe_for(driver)) == (port, probe)


@pytest.mark.parametrize("action", sorted(PHASES))
def test_only_what_starts_a_machine_has_a_boot_device(action):
    order = attrs.evolve(ORDER, action=action, phase="NEW")
    if action in BOOTS:
        assert attrs.evolve(order, boot="pxe").boot == "pxe"
    else:
        with pytest.raises(ValueError, match="starts nothing from pxe"):
            attrs.evolve(order, boot="pxe")


def test_what_a_later_version_may_have_a_machine_start_from_is_refused():
    """A region would send it to no rack, which could not read it."""
    action, boot = deed_from_text("on from usb")
    with pytest.raises(ValueError, match="starts from one of pxe, disk, bios"):
        attrs.evolve(ORDER, action=action, phase="NEW", boot=boot)


@pytest.mark.parametrize("boot", [None, "pxe", "disk", "bios"])
@pytest.mark.parametrize("action", sorted(BOOTS))
def test_an_action_and_its_boot_device_are_read_as_they_were_written(action, boot):
    assert deed_from_text(deed_of(action, boot)) == (action, boot)
    assert (deed_of(action, boot) in PHASES) == (boot is None), "older programs know it not"
