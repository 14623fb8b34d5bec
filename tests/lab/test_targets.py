"""Targets as an operator writes them, and the programs they mean."""

from pathlib import Path

import pytest

from evenrack.lab.fleet import Size, lay_out
from evenrack.lab.hosts import InNamespaces, OnLoopback
from evenrack.lab.refusals import LabRefused
from evenrack.lab.targets import needs_status, parse_target, resolve, resolve_cables

FLEET = lay_out(Path("/lab"), OnLoopback(number=1), Size())
REPLICATED = lay_out(Path("/lab"), InNamespaces(keeper=None), Size(replicas=2))
IN_NETWORK = lay_out(Path("/lab"), InNamespaces(keeper=None), Size())
STATUS = {
    "leader": "region2/1",
    "racks": [
        {
            "hostname": "rack1",
            "managed_by": "region1/2",
            "vlans_primary": ["vlan1"],
            "vlans_secondary": [],
        },
        {
            "hostname": "rack2",
            "managed_by": None,
            "vlans_primary": [],
            "vlans_secondary": ["vlan1", "vlan2"],
        },
    ],
    "owners": {"m7": "rack2", "m8": None},
}


def meant(text, status=STATUS):
    return resolve(parse_target(text), FLEET, status)


def programs_of(rack):
    """A rack daemon comes before its DHCP servers."""
    return [f"{rack}/{program}" for program in ("rackd", "dhcpd", "dhcpd6")]


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("region1", ["region1/1", "region1/2"]),
        ("region1/2", ["region1/2"]),
        ("rack3", ["rack3/rackd"]),
        ("rack3/rackd", ["rack3/rackd"]),
        ("postgres", ["postgres"]),
        ("leader", ["region2/1"]),
        ("manager of rack1", ["region1/2"]),
        ("  manager  of   rack1 ", ["region1/2"]),
    ],
)
def test_targets_mean_programs(text, programs):
    assert meant(text) == programs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "region",
        "region0",
        "rack1/named",
        "rack1:vlan0",
        "rack1/rackd:vlan1",
        "region1:vlan",
        "Leader",
        "manager of region1",
        "*",
    ],
)
def test_what_is_no_target_is_refused_with_the_choices(text):
    with pytest.raises(LabRefused, match="targets are region1"):
        parse_target(text)


@pytest.mark.parametrize("text", ["region9", "region1/9", "rack9", "rack9/rackd"])
def test_what_this_lab_does_not_have_is_refused_with_what_it_has(text):
    with pytest.raises(LabRefused, match=r"it has .*region1"):
        meant(text)


def test_a_client_host_means_its_program_and_its_one_cable():
    for text in ("client2", "client2/traffic"):
        assert resolve(parse_target(text), IN_NETWORK, STATUS) == ["client2/traffic"]
    for text in ("client2", "client2:vlan2"):
        assert resolve_cables(parse_target(text), IN_NETWORK, STATUS) == ["client2:vlan2"]
    with pytest.raises(LabRefused, match="no host client1"):
        meant("client1")


def test_p25_each_postgresql_server_is_a_program_and_a_host_and_the_primary_is_one_of_them():
    for name in ("postgres", "postgres2", "postgres3"):
        assert resolve(parse_target(name), REPLICATED, None) == [name]
        assert resolve_cables(parse_target(name), REPLICATED, None) == [f"{name}:management"]
        cable = parse_target(f"{name}:management")
        assert resolve_cables(cable, REPLICATED, None) == [f"{name}:management"]
    primary = parse_target(" primary  of postgres")
    assert not needs_status(primary)
    assert resolve(primary, REPLICATED, {"postgres": "postgres3"}) == ["postgres3"]
    assert resolve_cables(primary, REPLICATED, {"postgres": "postgres3"}) == [
        "postgres3:management"
    ]
    with pytest.raises(LabRefused, match="this lab has no postgres2; it has postgres, region1/1"):
        meant("postgres2")


def test_roles_need_somebody_who_has_them():
    with pytest.raises(LabRefused, match="nobody leads"):
        meant("leader", {"leader": None, "racks": []})
    with pytest.raises(LabRefused, match="nobody manages rack2"):
        meant("manager of rack2")
    with pytest.raises(LabRefused, match="do not know rack4"):
        meant("manager of rack4")


def test_only_roles_need_the_status():
    assert needs_status(parse_target("leader"))
    assert needs_status(parse_target("manager of rack1"))
    assert not needs_status(parse_target("region1"))
    assert not needs_status(parse_target("postgres"))


@pytest.mark.parametrize(
    ("text", "cables"),
    [
        ("region1", ["region1:management"]),
        ("rack3:vlan2", ["rack3:vlan2"]),
        ("rack3", ["rack3:management", "rack3:vlan1", "rack3:vlan2", "rack3:vlan3", "rack3:bmc"]),
        ("postgres", ["postgres:management"]),
        ("postgres:management", ["postgres:management"]),
        ("leader", ["region2:management"]),
        ("manager of rack1", ["region1:management"]),
    ],
)
def test_targets_mean_cables(text, cables):
    assert resolve_cables(parse_target(text), IN_NETWORK, STATUS) == cables


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rack1:vlan2", "no cable rack1:vlan2; it has rack1:management, rack1:vlan1"),
        ("rack9:vlan1", "no cable rack9:vlan1; it has postgres, region1"),
        ("region1:vlan1", "it has region1:management"),
        ("region1/2", "cables lead to hosts"),
        ("client1:vlan2", "it has client1:vlan1"),
    ],
)
def test_cables_that_are_not_there_are_refused_with_those_that_are(text, said):
    with pytest.raises(LabRefused, match=said):
        resolve_cables(parse_target(text), IN_NETWORK, STATUS)


def test_a_lab_without_a_network_has_no_cables():
    with pytest.raises(LabRefused, match="--no-net"):
        resolve_cables(parse_target("rack3"), FLEET, None)


def test_a_cable_can_only_be_cut_and_healed():
    with pytest.raises(LabRefused, match="can be cut and healed"):
        resolve(parse_target("rack3:vlan2"), IN_NETWORK, None)


@pytest.mark.parametrize(
    ("text", "rack"),
    [("primary of vlan1", "rack1"), ("secondary  of vlan2", "rack2")],
)
def test_p9_a_role_means_the_host_that_is_designated_with_its_dhcp_server(text, rack):
    target = parse_target(text)
    assert needs_status(target)
    assert resolve(target, IN_NETWORK, STATUS) == programs_of(rack)
    cables = resolve_cables(target, IN_NETWORK, STATUS)
    assert {cable.partition(":")[0] for cable in cables} == {rack}


def test_a_role_that_nobody_has_is_refused():
    with pytest.raises(LabRefused, match="no rack is designated primary of vlan2"):
        resolve(parse_target("primary of vlan2"), IN_NETWORK, STATUS)


def test_p10_an_owner_means_the_host_of_the_rack_that_does_its_orders():
    target = parse_target(" owner  of m7")
    assert needs_status(target)
    assert resolve(target, IN_NETWORK, STATUS) == programs_of("rack2")
    assert "rack2:bmc" in resolve_cables(target, IN_NETWORK, STATUS)


@pytest.mark.parametrize(
    ("text", "said"),
    [("owner of m8", "no rack owns the BMC of m8"), ("owner of m9", "know no machine m9")],
)
def test_a_machine_that_nobody_owns_or_knows_is_refused(text, said):
    with pytest.raises(LabRefused, match=said):
        resolve(parse_target(text), IN_NETWORK, STATUS)


def test_a_bmc_is_a_program_of_a_host_with_one_cable():
    assert resolve(parse_target("bmcs/bmc3"), IN_NETWORK, None) == ["bmcs/bmc3"]
    assert len(resolve(parse_target("bmcs"), IN_NETWORK, None)) == 12
    for text in ("bmcs", "bmcs:bmc"):
        assert resolve_cables(parse_target(text), IN_NETWORK, None) == ["bmcs:bmc"]
    assert resolve_cables(parse_target("rack1:bmc"), IN_NETWORK, None) == ["rack1:bmc"]
    assert resolve(parse_target("power/traffic"), IN_NETWORK, None) == ["power/traffic"]
    with pytest.raises(LabRefused, match="no host bmcs"):
        meant("bmcs")


def test_a_dhcp_server_is_a_program_of_a_lab_with_a_network_only():
    assert resolve(parse_target("rack1/dhcpd"), IN_NETWORK, None) == ["rack1/dhcpd"]
    assert resolve(parse_target("rack1"), IN_NETWORK, None) == programs_of("rack1")
    with pytest.raises(LabRefused, match="this lab has no rack1/dhcpd"):
        meant("rack1/dhcpd")
