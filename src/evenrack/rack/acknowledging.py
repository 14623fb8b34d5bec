"""Whether the partner of a server knows what that gave away, from what it acknowledged: pure.

A dhcpd acknowledges updates when five of them are there (half of `max-unacked-updates`). Fewer it
acknowledges late or not at all: with 4.4.3-P1 both were measured, 2 s after the last of them and
none in 60 s. So few were sent all the same: only what is beyond ten waits at
the sender. A partner that has a few, and acknowledges no more, has got them.
"""

from collections.abc import Mapping
from typing import Final

from attrs import define, field

from evenrack.model.identifiers import VlanId

ACKNOWLEDGED_TOGETHER: Final = 5
"""Half of `max-unacked-updates` in the file of a pair (`rack.dhcp.failover`)."""

SETTLED_SECONDS: Final = 0.7
"""For so long nothing more is acknowledged when fewer than that are left: an acknowledgement takes
a few milliseconds, and longer on a machine that has no processor to spare."""


@define
class Acknowledging:
    """What is left to be acknowledged, from look to look, while nothing new is given away."""

    _left: Mapping[VlanId, int] = field(factory=dict, init=False)
    _since: float = field(default=0.0, init=False)
    """When it was seen to be so first, in seconds by the reactor's clock."""

    def behind(self, unshared: Mapping[VlanId, int], now: float) -> int:
        """Say how many leases partners do not know, or may not know yet.

        `unshared` counts those of each VLAN, that is of each pair, that are not acknowledged.
        """
        if unshared != self._left:
            self._left, self._since = dict(unshared), now
        are_few = all(count < ACKNOWLEDGED_TOGETHER for count in unshared.values())
        if are_few and now - self._since >= SETTLED_SECONDS:
            return 0
        return sum(unshared.values())
