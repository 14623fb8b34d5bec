"""Which hosts have a clock that is wrong: pure."""

from evenrack.model.clock_gap import in_words, is_wrong
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RegionId
from evenrack.region.troubles.trouble import Trouble


def of_clocks(fleet: Fleet) -> list[Trouble]:
    """Give one problem a host: of region hosts and of connected racks."""
    return [*_of_regions(fleet), *_of_racks(fleet)]


def _of_racks(fleet: Fleet) -> list[Trouble]:
    """Take a rack at its word."""
    told = {
        rack: report.clock_ahead
        for rack, report in sorted(fleet.dhcp_reports.items())
        if rack in fleet.racks and fleet.is_connected(rack)
    }
    return [
        Trouble(
            code="ClockSkew",
            object=f"rack:{rack}",
            affects=f"the clock of {fleet.racks[rack].hostname} is {in_words(gap)}",
        )
        for rack, gap in told.items()
        if gap is not None and is_wrong(gap)
    ]


def _of_regions(fleet: Fleet) -> list[Trouble]:
    """Go by that of its running processes which differs most."""
    ahead: dict[RegionId, float] = {}
    for name in fleet.live:
        process = fleet.processes[name]
        gap = process.clock_ahead
        if gap is not None and abs(gap) > abs(ahead.get(process.region, 0.0)):
            ahead[process.region] = gap
    return [
        Trouble(
            code="ClockSkew",
            object=f"region:{region}",
            affects=f"the clock of {fleet.regions.get(region, region)} is {in_words(gap)}",
        )
        for region, gap in ahead.items()
        if is_wrong(gap)
    ]
