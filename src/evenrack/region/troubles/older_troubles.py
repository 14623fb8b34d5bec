"""Which BMCs an older rack is not told of, since it could not read that: pure."""

from collections.abc import Iterator

from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId
from evenrack.region.troubles.trouble import Trouble
from evenrack.wire.version import PROTOCOL, knows

MOST_NAMED = 3


def of_older_racks(fleet: Fleet) -> Iterator[Trouble]:
    """Give one problem for each of them that is near such a BMC."""
    for rack in sorted(fleet.older.keys() & fleet.racks.keys()):
        untold = untold_bmcs(fleet, rack)
        if untold:
            more = f" and {len(untold) - MOST_NAMED} more" if len(untold) > MOST_NAMED else ""
            affects = (
                f"{fleet.racks[rack].hostname} speaks version {fleet.older[rack]} of the "
                f"conversation, this region {PROTOCOL}: it is not told of "
                f"{', '.join(untold[:MOST_NAMED])}{more}"
            )
            yield Trouble(code="VersionMismatch", object=f"rack:{rack}", affects=affects)


def untold_bmcs(fleet: Fleet, rack: RackId) -> list[str]:
    """Name the BMCs that the rack would be told of if it were not older, in the order of ids."""
    networks = [address.network for address in fleet.interfaces.get(rack, ())]
    version = fleet.older[rack]
    return [bmc.name for bmc in fleet.bmc_addresses.within(networks) if not knows(version, bmc)]
