"""The connections between racks and region processes, by rack."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from attrs import field, frozen

from evenrack.model.identifiers import LinkId, ProcessId, RackId


class Link(NamedTuple):
    """One connection of a rack to a region process, held by both ends.

    A tuple, because a fleet has more of these than of anything else: it is made in a third of the
    time of a class with checks.
    """

    id: LinkId
    rack: RackId
    process: ProcessId
    incarnation: int = 0
    """Of the process, when the connection was made."""


@frozen
class Links:
    """All links; racks that have none are not in it."""

    by_rack: Mapping[RackId, tuple[Link, ...]] = field(factory=dict)
    reach: Mapping[RackId, tuple[ProcessId, ...]] = field(factory=dict)
    """The processes that each rack is connected to, in the order of their names."""

    def replaced(self, of_racks: Mapping[RackId, tuple[Link, ...]]) -> "Links":
        """Give these links, but other ones (perhaps none) for some racks; costs what differs."""
        by_rack, reach = dict(self.by_rack), dict(self.reach)
        for rack, links in of_racks.items():
            if links:
                by_rack[rack] = links
                reach[rack] = tuple(sorted({link.process for link in links}))
            elif rack in by_rack:
                del by_rack[rack], reach[rack]
        return Links(by_rack, reach)

    def __iter__(self) -> Iterator[Link]:
        for links in self.by_rack.values():
            yield from links

    def __len__(self) -> int:
        return sum(map(len, self.by_rack.values()))


def grouped(links: Iterable[Link]) -> Links:
    """Group links by their racks; give those back that are grouped already."""
    if isinstance(links, Links):
        return links
    by_rack: dict[RackId, tuple[Link, ...]] = {}
    for link in links:
        by_rack[link.rack] = (*by_rack.get(link.rack, ()), link)
    return Links().replaced(by_rack)
