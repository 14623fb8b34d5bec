"""What the drill reads of DHCP: stanzas, lease files, and what is missing of a VLAN."""

from datetime import UTC, datetime

import pytest

from evenrack.lab.dhcp_state import _vlan_misses
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_pairs import (
    lease_began,
    refuse_unequal_sides,
    refuse_wrong_lines,
)

SINCE = datetime(2026, 11, 25, 3, 0, 0, tzinfo=UTC)
ENTRY = """
lease 10.0.0.5 {
  starts %s;
  ends 3 2026/11/25 04:00:00;
  binding state %s;
}"""
PRIMARY = [
    "failover-vlan-1",
    "primary;",
    "address 10.0.0.1;",
    "port 647;",
    "peer address 10.0.0.2;",
    "max-response-delay 60;",
    "max-unacked-updates 10;",
    "load balance max seconds 3;",
    "mclt 3600;",
    "split 255;",
]
SECONDARY = [
    "failover-vlan-1",
    "secondary;",
    "address 10.0.0.2;",
    "port 647;",
    "peer address 10.0.0.1;",
    "max-response-delay 60;",
    "max-unacked-updates 10;",
    "load balance max seconds 3;",
]


@pytest.mark.parametrize(
    ("starts", "state", "began"),
    [
        ("3 2026/11/25 03:00:00", "active", True),
        ("3 2026/11/25 02:59:59", "active", False),
        ("3 2026/11/25 03:00:00", "free", False),
        ("3 2026/11/25 03:00:00", "backup", False),
        ("never", "active", False),
    ],
)
def test_p15_a_lease_counts_when_its_last_entry_is_active_and_new(starts, state, began):
    text = ENTRY % ("3 2026/11/25 03:30:00", "active") + ENTRY % (starts, state)
    assert lease_began(text, "10.0.0.5", SINCE) == began
    assert not lease_began(text, "10.0.0.6", SINCE)


def test_p16_p17_the_promised_stanzas_pass():
    refuse_wrong_lines("vlan1", PRIMARY, SECONDARY)
    refuse_unequal_sides("vlan1", PRIMARY, SECONDARY)


@pytest.mark.parametrize("line", PRIMARY[5:])
def test_p16_a_line_that_is_missing_or_different_fails(line):
    other = [f"{line} # other" if each == line else each for each in PRIMARY]
    with pytest.raises(CheckFailed, match="lacks"):
        refuse_wrong_lines("vlan1", other, SECONDARY)


def test_p17_what_the_secondary_must_not_have_fails():
    for line in ("mclt 3600;", "split 255;"):
        with pytest.raises(CheckFailed, match="the secondary's stanza has"):
            refuse_unequal_sides("vlan1", PRIMARY, [*SECONDARY, line])


@pytest.mark.parametrize("line", SECONDARY[5:])
def test_p16_a_line_that_the_secondary_lacks_fails(line):
    with pytest.raises(CheckFailed, match="lacks"):
        refuse_wrong_lines("vlan1", PRIMARY, [each for each in SECONDARY if each != line])


def test_p17_other_names_and_addresses_fail():
    with pytest.raises(CheckFailed, match="the peer is"):
        refuse_unequal_sides("vlan1", PRIMARY, ["failover-vlan-2", *SECONDARY[1:]])
    with pytest.raises(CheckFailed, match="not mirrored"):
        refuse_unequal_sides("vlan1", PRIMARY, [*SECONDARY[:2], *PRIMARY[2:8]])


def side(rack="rack1", state="normal", **more):
    return {"rack": rack, "state": state, "waiting": False, "error": None, **more}


def row(*sides, dhcp_on=True, designated=("rack1", "rack2")):
    primary, secondary = (*designated, None)[:2]
    return {
        "vlan": "vlan1",
        "dhcp_on": dhcp_on,
        "sides": list(sides),
        "primary_rack": primary,
        "secondary_rack": secondary,
        "pending": tuple(side["rack"] for side in sides) != designated,
    }


RACKS = {"rack1", "rack2", "rack3"}


@pytest.mark.parametrize(
    ("seen", "gone", "missing"),
    [
        (row(side(), side("rack2")), set(), None),
        (row(dhcp_on=False), set(), None),
        (row(), set(), "vlan1 is served by nobody"),
        (row(side(), side("rack2")), {"rack1", "rack2"}, "vlan1 is served by nobody"),
        (row(side()), set(), "vlan1: rack1 is normal, not alone"),
        (row(side(state="alone")), set(), "vlan1 is served by rack1 only"),
        (row(side(), side("rack2", "recover")), set(), "vlan1: rack2 is recover, not normal"),
        (row(side(), side("rack2", "down")), {"rack2"}, None),
        (
            row(side(), side("rack2"), designated=("rack2", "rack1")),
            set(),
            "vlan1 is not served by those who are designated yet",
        ),
        (row(side(), side("rack2"), designated=("rack2", "rack1")), {"rack2"}, None),
        (
            row(side(), side("rack2"), designated=("rack1", "rack3")),
            set(),
            "vlan1 is not served by those who are designated yet",
        ),
        (
            row(side(waiting=True), side("rack2")),
            set(),
            "vlan1: rack1 has not applied its newest plan",
        ),
    ],
)
def test_p12_a_vlan_is_whole_when_a_pair_serves_it_or_those_that_are_left(seen, gone, missing):
    assert _vlan_misses(seen, gone, RACKS) == missing


def test_p4_with_one_rack_there_it_serves_alone():
    alone = row(side(state="alone"), designated=("rack1",))
    assert _vlan_misses(alone, set(), {"rack1"}) is None
