"""Of which BMCs an older rack is not told, as a problem of that rack."""

from ipaddress import IPv4Interface

from attrs import evolve

from evenrack.model.bmc_host import HostName
from evenrack.problems import CATALOGUE
from evenrack.region.troubles.older_troubles import of_older_racks
from evenrack.region.troubles.troubles import find_troubles
from evenrack.wire.version import EVERY_BMC, PROTOCOL
from tests.bmc_fleet import bmc_fleet
from tests.dhcp_fleet import rack_id

ONE = rack_id(1)
OLD = EVERY_BMC - 1


def fleet_with(changed, *, older=OLD):
    """Six BMCs near one rack, some of them with something that came later."""
    fleet = bmc_fleet({number: [1, 2] for number in range(1, 7)})
    bmcs = {number: evolve(it, **changed.get(number, {})) for number, it in fleet.bmcs.items()}
    near = {**fleet.interfaces, ONE: (IPv4Interface("10.9.0.200/24"),)}
    versions = {} if older is None else {ONE: older}
    return evolve(fleet, bmcs=bmcs, interfaces=near, older=versions)


LATER = {number: {"driver": "redfish"} for number in (2, 3, 4, 5)}


def test_an_older_rack_has_a_problem_that_names_some_of_the_bmcs_that_it_is_not_told_of():
    fleet = fleet_with({**LATER, 6: {"address": HostName("bmc6.example.com")}})
    (trouble,) = of_older_racks(fleet)
    assert (trouble.code, trouble.object) == ("VersionMismatch", f"rack:{ONE}")
    assert trouble.affects == (
        f"{fleet.racks[ONE].hostname} speaks version {OLD} of the conversation, this region "
        f"{PROTOCOL}: it is not told of b2, b3, b4 and 2 more"
    )
    assert "VersionMismatch" in {it.code for it in find_troubles(fleet)} & CATALOGUE.keys()


def test_few_are_all_named():
    (trouble,) = of_older_racks(fleet_with({4: {"driver": "ipmi"}}))
    assert trouble.affects.endswith("it is not told of b4")


def test_an_older_rack_that_is_told_of_all_that_is_near_has_no_problem():
    assert list(of_older_racks(fleet_with({}))) == []
    far = evolve(fleet_with(LATER), interfaces={ONE: (IPv4Interface("192.0.2.1/24"),)})
    assert list(of_older_racks(far)) == []


def test_a_rack_of_this_version_and_one_that_was_deleted_have_none():
    assert list(of_older_racks(fleet_with(LATER, older=None))) == []
    assert list(of_older_racks(evolve(fleet_with(LATER), older={"rack9999": OLD}))) == []
