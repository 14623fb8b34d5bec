"""What BMCs and machines must fulfil: each rule finds its breach, names it, and nothing else."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.bmc import Bmc, Machine
from evenrack.model.bmc_host import HostName
from evenrack.model.bmc_rules import (
    bmc_breaches,
    k_g_breaches,
    machine_breaches,
    moved_breaches,
    password_breaches,
)
from evenrack.model.power import BmcAccess


def bmc(number=1, **more):
    values = {
        "name": f"b{number}",
        "driver": "ipmitool",
        "address": IPv4Address("10.9.0.0") + number,
        "user": "admin",
    }
    return Bmc(id=number, **{**values, **more})


def redfish(**more):
    return bmc(driver="redfish", **more)


def machine(number=1, **more):
    return Machine(id=number, **{"name": f"m{number}", "bmc": number, **more})


OTHERS = [bmc(2), bmc(3, cipher_suite=3), bmc(4, address=HostName("bmc4"))]
OTHER_MACHINES = [machine(2), machine(3)]


@pytest.mark.parametrize(
    "good",
    [
        bmc(),
        bmc(name="A-b.c_9", port=1, cipher_suite=17),
        bmc(name="x" * 63, port=65535, user="u", address=IPv4Address("127.0.0.1")),
        bmc(driver="ipmi", k_g_set=True, privilege="administrator", boot_type="legacy"),
        bmc(user="u" * 16, address=IPv4Address("223.255.255.255")),
        bmc(user="é" * 8),
        bmc(address=OTHERS[0].address, port=624),
        bmc(driver="redfish", login="basic", system="Node 1", certificate_sha256="ab" * 32),
        bmc(driver="redfish", certificate_name="b1.test", address=OTHERS[0].address),
        redfish(certificate_name="B1"),
        redfish(certificate_name="2001:db8::7"),
        bmc(address=HostName("bmc4.example.com")),
        bmc(address=IPv6Address("2001:db8::7")),
    ],
)
def test_a_bmc_that_breaks_no_rule_is_fine(good):
    assert bmc_breaches(good, OTHERS) == ()


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (bmc(name=""), "name", "must be 1 to 63 letters"),
        (bmc(name="x" * 64), "name", "must be 1 to 63 letters"),
        (bmc(name="a b"), "name", "must be 1 to 63 letters"),
        (bmc(name="é"), "name", "must be 1 to 63 letters"),
        (bmc(name="12"), "name", "digits alone read as an id; name it bmc12"),
        (bmc(name="b2"), "name", "another bmc has this name; choose another"),
        (bmc(address=OTHERS[1].address), "address", '"b3" has 10.9.0.3 port 623 already'),
        (bmc(address=HostName("bmc4")), "address", '"b4" has bmc4 port 623 already'),
        (bmc(address=IPv6Address("fe80::1")), "address", "an address that racks can reach"),
        (bmc(address=IPv4Address("0.0.0.0")), "address", "no BMC can have the address"),  # noqa: S104
        (bmc(address=IPv4Address("224.0.0.1")), "address", "no BMC can have the address"),
        (bmc(address=IPv4Address("255.255.255.255")), "address", "no BMC can have"),
        (bmc(port=0), "port", "its port must be 1 to 65535"),
        (bmc(port=65536), "port", "its port must be 1 to 65535"),
        (bmc(user=""), "user", "its user must not be empty; give one that may switch power"),
        (bmc(user="u" * 17), "user", "its user has 17 bytes, and IPMI 2.0 allows at most 16"),
        (bmc(user="é" * 9), "user", "its user has 18 bytes"),
        (bmc(user="a\nb"), "user", "printable characters only"),
        (bmc(user="\ud800"), "user", "printable characters only"),
        (bmc(k_g_set=True), "k_g", "choose --driver ipmi, or no key"),
        (redfish(k_g_set=True), "k_g", "Redfish knows no key K_g"),
        (redfish(cipher_suite=3), "cipher_suite", "Redfish knows no cipher suites"),
        (redfish(user="a:b"), "user", "cannot have a colon"),
        (redfish(system=""), "system", "its system must have 1 to 253 printable"),
        (redfish(system="x" * 254), "system", "its system must have 1 to 253 printable"),
        (redfish(certificate_name="a\n"), "certificate_name", "1 to 253 printable"),
        *(
            (redfish(certificate_name=name), "certificate_name", "must be a host name or an addr")
            for name in ("a..b", "x" * 64 + ".com", "b_1.test", "*.test", "é.test", "fe80::1%eth0")
        ),
        (
            redfish(certificate_name="b1.test", certificate_sha256="ab" * 32),
            "certificate_name",
            "may have any name: leave one of both out",
        ),
        (bmc(system="1"), "system", "only --driver redfish knows a system: leave it out (--no-sys"),
        (bmc(certificate_sha256="ab" * 32), "certificate_sha256", "(--no-certificate-sha256)"),
        (bmc(certificate_name="b"), "certificate_name", "only --driver redfish knows"),
    ],
)
def test_a_bmc_that_breaks_a_rule_is_named_with_the_field_and_the_cure(wrong, field, said):
    (breach,) = bmc_breaches(wrong, OTHERS)
    assert breach.field == field
    assert breach.sentence.startswith("bmc ")
    assert said in breach.sentence


def test_everything_that_is_wrong_is_named_at_once():
    wrong = bmc(name="b2", address=OTHERS[1].address, user="u" * 17)
    assert [each.field for each in bmc_breaches(wrong, OTHERS)] == ["name", "address", "user"]
    assert [each.field for each in bmc_breaches(bmc(name="7" * 70, port=-1), [])] == [
        "name",
        "name",
        "port",
    ]


@pytest.mark.parametrize("good", [b"x", b"x" * 20, "é".encode() * 10, b"a b'\"$\\"])
def test_a_password_of_1_to_20_bytes_is_fine(good):
    assert password_breaches(bmc(), good) == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", ["must not be empty"]),
        (b"SESAME" * 4, ["has 24 bytes, and IPMI 2.0 allows at most 20"]),
        ("é".encode() * 11, ["has 22 bytes"]),
        (b"SESAME\n", ["printable characters only"]),
        (b"SESAME\0", ["printable characters only"]),
        (b"SESAME\xff", ["printable characters only"]),
        (b"\n" * 21, ["has 21 bytes", "printable characters only"]),
    ],
)
def test_a_password_that_no_bmc_can_have_is_refused_and_not_shown(wrong, said):
    breaches = password_breaches(bmc(), wrong)
    assert [each.field for each in breaches] == ["password"] * len(said)
    for each, words in zip(breaches, said, strict=True):
        assert each.sentence.startswith('bmc "b1": its password ')
        assert words in each.sentence
        assert "SESAME" not in repr(each)


def test_a_password_that_is_kept_does_not_follow_a_bmc_to_another_address():
    before = bmc()
    assert moved_breaches(bmc(port=6230, user="other"), before) == ()
    for elsewhere in (IPv4Address("10.9.0.99"), HostName("sesame.99"), IPv6Address("2001:db8::99")):
        (breach,) = moved_breaches(bmc(address=elsewhere), before)
        assert breach.field == "password"
        assert "its address is 10.9.0.1 no more" in breach.sentence
        # which may be a password in the wrong column of a file
        assert str(elsewhere) not in breach.sentence
        assert "--password-file" in breach.sentence


@pytest.mark.parametrize(
    "more",
    [{"port": 8443}, {"certificate_sha256": "ab" * 32}, {"certificate_name": "b1.test"}],
)
def test_a_password_that_is_kept_is_told_to_nobody_else_by_redfish(more):
    (breach,) = moved_breaches(redfish(**more), redfish())
    assert (breach.field, "--password-file" in breach.sentence) == ("password", True)
    assert moved_breaches(redfish(**more), redfish(**more, login="basic", system="1")) == ()
    (breach,) = moved_breaches(redfish(), bmc())
    assert "whom Redfish trusts at its address changes" in breach.sentence


def test_a_port_that_is_usual_goes_along_with_the_driver_and_another_one_stays():
    assert (bmc().port, redfish().port) == (623, 443)
    assert bmc().changed({"driver": "redfish"}) == redfish()
    assert redfish().changed({"driver": "ipmi"}).port == 623
    assert bmc(port=6230).changed({"driver": "redfish"}).port == 6230
    assert bmc().changed({"driver": "redfish", "port": 623}).port == 623
    assert bmc().changed({"user": "x"}) == bmc(user="x")


def test_a_machine_that_breaks_no_rule_is_fine():
    assert machine_breaches(machine(), OTHER_MACHINES) == ()


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        (machine(name="a/b"), "name", "must be 1 to 63 letters"),
        (machine(name="7"), "name", "name it machine7"),
        (machine(name="m3"), "name", "another machine has this name"),
        (machine(bmc=2), "bmc", 'its BMC switches "m2" already; give the machine\'s own'),
    ],
)
def test_a_machine_that_breaks_a_rule_is_named_with_the_field_and_the_cure(wrong, field, said):
    (breach,) = machine_breaches(wrong, OTHER_MACHINES)
    assert breach.field == field
    assert breach.sentence.startswith("machine ")
    assert said in breach.sentence


@pytest.mark.parametrize("good", ["k", "k" * 20, "0", "0x0001"])
def test_a_key_of_a_bmc_that_breaks_no_rule_is_fine(good):
    assert k_g_breaches(bmc(), good.encode()) == ()


@pytest.mark.parametrize("zeros", ["0x00", "0x" + "00" * 20])
def test_a_key_of_zeros_is_none_and_is_to_be_left_out(zeros):
    (breach,) = k_g_breaches(bmc(), zeros.encode())
    assert (breach.field, "leave it out" in breach.sentence) == ("k_g", True)


@pytest.mark.parametrize("wrong", ["", "SESAME" * 4, "0xSESAME", "SESAME\n"])
def test_a_key_of_a_bmc_that_breaks_a_rule_is_refused_and_not_shown(wrong):
    (breach,) = k_g_breaches(bmc(), wrong.encode())
    assert breach.field == "k_g"
    assert 'bmc "b1": its key K_g cannot be: ' in breach.sentence
    assert "SESAME" not in breach.sentence


@given(st.text(max_size=18), st.text(max_size=22).map(lambda text: text.encode(errors="replace")))
def test_a_bmc_that_breaks_no_rule_can_be_given_to_a_rack_and_no_other(user, password):
    one = bmc(user=user)
    if bmc_breaches(one, []) or password_breaches(one, password):
        with pytest.raises(ValueError, match="printable bytes"):
            access(one, password)
    else:
        assert access(one, password).user == user


def access(one, password):
    values = {"user": one.user, "password": password.decode(), "cipher_suite": one.cipher_suite}
    return BmcAccess(address=one.address, port=one.port, **values)


@given(st.text(), st.text(), st.ip_addresses(), st.integers(), st.binary())
def test_any_values_are_judged_and_hostile_ones_draw_nothing(name, user, address, port, password):
    one = bmc(name=name, user=user, address=address, port=port)
    breaches = [*bmc_breaches(one, OTHERS), *password_breaches(one, password)]
    breaches += machine_breaches(machine(name=name), OTHER_MACHINES)
    assert all(each.sentence.isprintable() for each in breaches)
