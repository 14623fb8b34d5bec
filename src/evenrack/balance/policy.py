"""When a difference is worth a move: the band inside which nothing moves."""

import math

from attrs import field, frozen


@frozen(kw_only=True)
class SpreadPolicy:
    """Hysteresis of one kind of assignment (`balancing.md`, Hysteresis)."""

    theta: float = field(default=0.10)
    """Share of a load that a difference must exceed."""
    gap: int = field(default=2)
    """Smallest difference that justifies a move; under 2 a move would only swap the sides."""

    def need(self, load: int) -> int:
        """Give the smallest load of a source that justifies a move to a bin with this load."""
        return load + max(self.gap, 2, math.floor(self.theta * load) + 1)

    def lightened(self, load: int) -> int:
        """Give the highest load of a bin to which one with this load may give; -1 for none."""
        highest = min(load - max(self.gap, 2), math.floor(load / (1 + self.theta)) + 1)
        while highest >= 0 and self.need(highest) > load:
            highest -= 1
        return max(highest, -1)


MANAGING = SpreadPolicy(theta=0.10, gap=2)
