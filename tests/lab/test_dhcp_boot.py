"""What the drill makes of offers to machines that boot: each mistake of a server is seen."""

import pytest

from evenrack.lab.drill.dhcp.dhcp_boot import _SETTINGS, what_is_wrong
from evenrack.lab.inventory import NASTY_NAME
from evenrack.lab.traffic.booting import machines
from evenrack.model.boot import BOOT_FILES

SERVERS = {"10.101.0.2": "rack1", "10.101.0.3": "rack2"}


def offer(machine, server):
    over_http = {"60": b"HTTPClient".hex()} if machine.startswith("boot_http") else {}
    reserved = machine == "reserved"
    return {
        "machine": machine,
        "server": server,
        "address": "10.101.0.50" if reserved else "10.101.0.101",
        "next_server": server,
        "file": _SETTINGS["boot_bios" if reserved else machine],
        "options": {"6": "0a650001", **over_http}
        | ({"12": NASTY_NAME.encode().hex()} if reserved else {}),
    }


def offers(changed=None, **how):
    """What both servers offer; one of them otherwise to one machine."""
    every = [offer(machine, by) for machine in (*machines(), "reserved") for by in SERVERS]
    return [
        {**it, **how} if (it["machine"], it["server"]) == changed else it
        for it in every
        if how or (it["machine"], it["server"]) != changed
    ]


def test_there_is_a_machine_for_each_setting_and_offers_as_wanted_are_right():
    assert set(machines()) == set(BOOT_FILES)
    assert what_is_wrong(offers(), SERVERS) is None


@pytest.mark.parametrize(
    ("machine", "how", "said"),
    [
        ("boot_uefi_x64", {}, "rack2 answered no machine for boot_uefi_x64"),
        ("boot_bios", {"file": ""}, "rack2 told a machine for boot_bios file nothing, not pxel"),
        ("boot_ipxe", {"file": "pxelinux.0"}, "file pxelinux.0, not http"),
        ("boot_bios", {"next_server": "10.101.0.2"}, "next_server 10.101.0.2, not 10.101.0.3"),
        ("boot_http_arm64", {"options": {"6": "0a650001"}}, "the vendor class None"),
        ("boot_bios", {"options": {"6": "0a650009"}}, "a machine for boot_bios was told"),
        ("reserved", {"address": "10.101.0.102"}, "address 10.101.0.102, not 10.101.0.50"),
        ("reserved", {"options": {"6": "0a650001"}}, "another name than is kept for it"),
    ],
)
def test_p13_what_one_server_does_otherwise_is_told(machine, how, said):
    wrong = what_is_wrong(offers((machine, "10.101.0.3"), **how), SERVERS)
    assert wrong is not None
    assert said in wrong
