"""Which region hosts have a clock that is wrong: pure."""

from evenrack.model.clock_gap import in_words, is_wrong
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RegionId
from evenrack.region.trouble import Trouble


def of_clocks(fleet: Fleet) -> list[Trouble]:
    """Give one problem a host, by that of its running processes which differs most."""
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
