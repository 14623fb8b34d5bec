"""What operators want of the balance, and what many losses at once make of it."""

from datetime import datetime
from typing import Literal

from attrs import frozen

from evenrack.model.identifiers import ProcessId, RackId, VlanId

DrainKind = Literal["rack", "process", "region"]


@frozen(kw_only=True)
class Hold:
    """An operator wants no voluntary move and no voluntary change of a role."""

    reason: str
    who: str
    since: datetime
    until: datetime | None = None
    """It ends by itself then; None: only when it is released."""


@frozen(kw_only=True)
class Succession:
    """The rack that takes the places of a drained one, and which."""

    rack: RackId
    primary_of: frozenset[VlanId] = frozenset()
    """The VLANs of which it is to be the primary."""
    secondary_of: frozenset[VlanId] = frozenset()


@frozen(kw_only=True)
class Drain:
    """An operator wants a rack, a region process or a whole region host to have nothing to do."""

    kind: DrainKind
    id: str
    """Of the rack, the process or the region host."""
    message: str
    who: str
    since: datetime
    deadline: datetime | None = None
    """When the operator wants to be through with it."""
    overdue: bool = False
    """It goes on beyond its deadline; without one, for over 24 h."""
    succession: Succession | None = None
    """Who takes the places of this rack; None: whoever has least to do."""

    @property
    def object(self) -> str:
        """Name what is drained as events and problems do: `rack:ID`."""
        return f"{self.kind}:{self.id}"


@frozen(kw_only=True)
class Breaker:
    """So much was lost at once that the cause is more likely a network than the lost ones."""

    why: str
    racks: frozenset[RackId] = frozenset()
    """Who was lost, back or not."""
    processes: frozenset[ProcessId] = frozenset()
    released: bool = False
    """The operator knows better: it holds nothing up, and does not trip again for these losses."""
    since: datetime | None = None
    """None: it trips just now."""
