"""Small fleets with BMCs, for tests of what is decided about them."""

from ipaddress import IPv4Address

from attrs import evolve

from evenrack.model.bmc import Bmc
from evenrack.model.identifiers import BmcId
from tests.dhcp_fleet import dhcp_fleet, rack_id


def bmc_named(number):
    return Bmc(
        id=BmcId(number),
        name=f"b{number}",
        driver="ipmitool",
        address=IPv4Address("10.9.0.0") + number,
        user="admin",
    )


def bmc_fleet(answered, *, owners=None, away=(), racks=0):
    """A fleet with BMCs {number: numbers of the racks that they answer} and {BMC: its owner}.

    Racks in `away` are not connected; `racks` says how many there are at least.
    """
    known = {rack for reach in answered.values() for rack in reach} | set(away)
    known |= set((owners or {}).values()) | set(range(1, racks + 1))
    fleet = dhcp_fleet({1: sorted(known)}, away=away)
    return evolve(
        fleet,
        bmcs={BmcId(number): bmc_named(number) for number in answered},
        answered={
            BmcId(number): tuple(rack_id(rack) for rack in reach)
            for number, reach in answered.items()
        },
        bmc_owners={BmcId(number): rack_id(rack) for number, rack in (owners or {}).items()},
    )
