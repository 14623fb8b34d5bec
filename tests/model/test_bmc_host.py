"""Where a BMC is: what can be read, and what no BMC can have."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.bmc_host import BmcHost, HostName, bmc_host_from_text, problem_of
from evenrack.model.json_form import from_json, to_json


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.1", IPv4Address("10.0.0.1")),
        ("2001:DB8:0::7", IPv6Address("2001:db8::7")),
        ("::ffff:a00:1", IPv6Address("::ffff:a00:1")),
        ("bmc7.example.com", HostName("bmc7.example.com")),
        ("BMC7.Example.Com", HostName("bmc7.example.com")),
        ("7-of-9", HostName("7-of-9")),
        ("10.0.0.1a", HostName("10.0.0.1a")),
    ],
)
def test_addresses_of_both_families_and_names_are_read(text, host):
    found = bmc_host_from_text(text)
    assert (type(found), found) == (type(host), host)
    assert problem_of(found) is None or found == IPv6Address("::ffff:a00:1")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "bmc7.",
            ".bmc7",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "a b",
            "bmc7\n",
            "é",
            "\u212a",
            "x" * 64,
        ),
        *("10.0.0", "10.0.0.256", "300.1.1.1", "bmc.7", "010.0.0.1", "7", "10.0.0.1 ", "10.0.0.٣"),
        *("::ffff:10.0.0.1", "fe80::1%eth0", "[fd00::1]", "fd00::1::", "fd00:", "https://bmc7"),
    ],
)
def test_what_is_neither_an_address_nor_a_name_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be an IPv4 or IPv6 address or a host name, as in"):
        bmc_host_from_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.0.0.0", "no BMC can have"),  # noqa: S104
        ("224.0.0.1", "no BMC can have"),
        ("::", "no BMC can have"),
        ("ff02::1", "no BMC can have"),
        ("fe80::1", "means something else on each link"),
        ("::ffff:a00:1", "give it as 10.0.0.1"),
        (".".join(["x" * 63] * 3 + ["y" * 62]), "has 254 characters, and at most 253"),
    ],
)
def test_where_no_bmc_can_be_is_said_with_what_to_do(text, said):
    assert said in problem_of(bmc_host_from_text(text))


@given(st.ip_addresses() | st.sampled_from(["bmc7", "b-1.example.com"]).map(HostName))
def test_what_was_read_is_written_as_it_is_read_again(host):
    written = to_json(host)
    assert type(written) is str
    assert bmc_host_from_text(str(host)) == from_json(written, BmcHost) == host
