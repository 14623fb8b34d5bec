"""Which problems a reading of the fleet shows: pure."""

from evenrack.model.bmc import Bmc
from evenrack.model.fleet import Fleet, Rack
from evenrack.region.troubles.balance_troubles import of_balance
from evenrack.region.troubles.clock_troubles import of_clocks
from evenrack.region.troubles.foreign_troubles import of_foreign_servers
from evenrack.region.troubles.older_troubles import of_older_racks
from evenrack.region.troubles.pool6_troubles import of_pool6
from evenrack.region.troubles.pool_troubles import of_pool
from evenrack.region.troubles.survival import needed_parts
from evenrack.region.troubles.trouble import Trouble
from evenrack.region.troubles.vlan_troubles import of_vlan

MOST_NAMED = 3


def find_troubles(fleet: Fleet) -> list[Trouble]:
    """Give every problem that the tables show, in the order of code and object."""
    troubles = [trouble for rack in fleet.racks.values() for trouble in _of_rack(fleet, rack)]
    for vlan in fleet.vlans.values():
        troubles += [*of_vlan(fleet, vlan), *of_pool(fleet, vlan), *of_pool6(fleet, vlan)]
    troubles += [_of_bmc(fleet.bmcs[bmc]) for bmc in fleet.bmc_survival.unreached]
    if len(fleet.live) == 1:
        alone = fleet.live[0]
        troubles.append(
            Trouble(
                code="RegionNotRedundant",
                object=f"process:{alone}",
                affects=f"every rack, if {alone} dies",
            )
        )
    if not fleet.live or fleet.leadership.holder not in fleet.live:
        troubles.append(
            Trouble(code="NoLeader", object="leader", affects="every new assignment and plan")
        )
    return sorted([*troubles, *_of_all(fleet)])


def _of_all(fleet: Fleet) -> list[Trouble]:
    """Give what is not of one thing alone, or is found for all at once."""
    found = [*of_balance(fleet), *of_clocks(fleet), *of_foreign_servers(fleet)]
    return [*found, *of_older_racks(fleet), *_of_survival(fleet)]


def _of_survival(fleet: Fleet) -> list[Trouble]:
    """Give one problem for the whole fleet, with the first few parts that must not be lost."""
    needed = [f"{need.part}: {need.why}" for need in needed_parts(fleet)]
    if not needed:
        return []
    more = f"; and {len(needed) - MOST_NAMED} more" if len(needed) > MOST_NAMED else ""
    affects = "; ".join(needed[:MOST_NAMED]) + more
    return [Trouble(code="SurvivesNoLoss", object="fleet", affects=affects)]


def _of_bmc(bmc: Bmc) -> Trouble:
    return Trouble(
        code="BmcWithoutRack",
        object=f"bmc:{bmc.name}",
        affects=f"{bmc.name} at {bmc.address} answers no connected rack",
    )


def _of_rack(fleet: Fleet, rack: Rack) -> list[Trouble]:
    where = f"rack:{rack.id}"
    reach = fleet.reach[rack.id]
    found = []
    if rack.clone_address is not None:
        refused = f"the host at {rack.clone_address}, refused; {rack.address} is connected"
        found.append(Trouble(code="RackCloned", object=where, affects=refused))
    if not reach:
        if not rack.stopped:
            found.append(Trouble(code="RackLost", object=where, affects=rack.hostname))
        return found
    if fleet.manager_of(rack.id) is None:
        found.append(Trouble(code="RackUnmanaged", object=where, affects=rack.hostname))
    if len(reach) < len(fleet.live):
        missing = ", ".join(process for process in fleet.live if process not in reach)
        affects = f"{rack.hostname}, without {missing}"
        found.append(Trouble(code="RackPartlyConnected", object=where, affects=affects))
    snippets_error = fleet.dhcp_report(rack.id).shared_error
    if snippets_error is not None:
        affects = f"{rack.hostname}: {snippets_error}"
        found.append(Trouble(code="SnippetsRefused", object=where, affects=affects))
    managing = fleet.managing.get(rack.id)
    if managing is not None and rack.holds < managing.number:
        affects = f"{rack.hostname}, at {rack.holds} instead of {managing.number}"
        found.append(Trouble(code="PlanNotApplied", object=where, affects=affects))
    return found
