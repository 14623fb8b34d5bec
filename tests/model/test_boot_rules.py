"""What boot settings must fulfil: each breach is found, with the field and the cure."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.boot import (
    BOOT_FIELDS,
    BOOT_FILES,
    BootSettings,
    boot_fields,
    next_server_from_text,
)
from evenrack.model.boot_rules import MOST_FILE_BYTES
from evenrack.model.network import Vlan
from evenrack.model.network_rules import problems_of
from tests.strategies_dhcp import NASTY_NAMES, boot_settings

LONGEST = "x" * MOST_FILE_BYTES
GOOD = {
    "next_server": "rack",
    "boot_bios": 'pxe linux".0',
    "boot_uefi_x64": LONGEST,
    "boot_uefi_arm64": "ö",
    "boot_http_x64": "https://[fd00::1]:8080/x64.efi?a=b#c",
    "boot_http_arm64": "http://boot",
    "boot_ipxe": "tftp://10.0.0.1/${net0/mac}.ipxe",
}
WRONG = {
    "a multicast server": ({"next_server": IPv4Address("224.0.0.1")}, "next_server", "224.0.0.1"),
    "this host as server": ({"next_server": IPv4Address("127.0.0.1")}, "next_server", "127.0.0.1"),
    "no host as server": ({"next_server": IPv4Address("0.0.0.7")}, "next_server", "0.0.0.7"),
    "a file for TFTP and no server": (
        {"boot_bios": "pxelinux.0"},
        "next_server",
        "boot_bios is fetched by TFTP, and no server is named; set next_server",
    ),
    "a path that is too long": (
        {"next_server": "rack", "boot_bios": "x" * (MOST_FILE_BYTES + 1)},
        "boot_bios",
        "must be at most 127 bytes",
    ),
    "a path that is too long in bytes": (
        {"next_server": "rack", "boot_uefi_x64": "ö" * 64},
        "boot_uefi_x64",
        "must be at most 127 bytes",
    ),
    "a path with an end of line": (
        {"next_server": "rack", "boot_uefi_arm64": "a\n"},
        "boot_uefi_arm64",
        "printable text",
    ),
    "half a letter": ({"boot_ipxe": "http://\ud800"}, "boot_ipxe", "printable text"),
    "a path where a URL is wanted": (
        {"boot_http_x64": "x64.efi"},
        "boot_http_x64",
        "must be a URL as in http://boot.example.com/file",
    ),
    "a URL with a space": ({"boot_http_arm64": "http://a b"}, "boot_http_arm64", "must be a URL"),
    "TFTP for firmware that boots over HTTP": (
        {"boot_http_arm64": "tftp://a/b"},
        "boot_http_arm64",
        "must be a URL",
    ),
    "iPXE without a URL": ({"boot_ipxe": "boot.ipxe"}, "boot_ipxe", "must be a URL"),
}


def with_boot(**settings):
    return Vlan(id=1, name="vlan1", boot=BootSettings(**settings))


@pytest.mark.parametrize("boot", [{}, GOOD, {**GOOD, "next_server": IPv4Address("10.0.0.1")}])
def test_what_machines_can_boot_from_has_no_problem(boot):
    assert problems_of([with_boot(**boot)]) == ()


@pytest.mark.parametrize(("settings", "field", "said"), WRONG.values(), ids=WRONG)
def test_what_no_machine_can_boot_from_is_the_one_thing_found(settings, field, said):
    (finding,) = problems_of([with_boot(**settings)])
    assert finding.sentence.startswith('vlan "vlan1": ')
    assert said in finding.sentence
    assert field in {place.field for place in finding.places}


@given(st.sampled_from(BOOT_FILES), st.sampled_from(NASTY_NAMES) | st.text())
def test_whatever_stands_in_a_boot_file_is_let_in_or_found_with_its_field(field, text):
    found = problems_of([with_boot(next_server="rack", **{field: text})])
    assert [finding.field_of("vlan", 1) for finding in found] in ([], [field])
    if not found:
        assert len(text.encode()) <= MOST_FILE_BYTES
        assert text.isprintable()


@given(boot_settings)
def test_the_settings_by_their_names_make_the_same_again(boot):
    fields = boot_fields(boot)
    assert tuple(fields) == BOOT_FIELDS
    server = fields.pop("next_server")
    server = None if server is None else next_server_from_text(server)
    assert BootSettings(next_server=server, **fields) == boot


@pytest.mark.parametrize("text", ["", "Rack", "rack1", "10.0.0", "::1"])
def test_what_is_neither_an_address_nor_the_rack_is_no_server(text):
    with pytest.raises(ValueError, match=f"'{text}' is neither an IPv4 address nor rack"):
        next_server_from_text(text)
