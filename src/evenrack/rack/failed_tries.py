"""What was tried a moment ago and did not succeed: pure.

Each try costs what is served a restart, or its partner some seconds alone.
"""

from collections.abc import Iterable

from attrs import define, field

from evenrack.model.identifiers import VlanId

FAILED_SECONDS = 60.0
"""So long what failed is not tried again."""


@define
class FailedTries:
    """The plan that failed last, and the roles that were taken back."""

    _plan: str = ""
    """Its fingerprint."""
    _at: float = float("-inf")
    _why: str = ""
    _taken_back: dict[VlanId, float] = field(factory=dict)

    def note(self, plan: str, why: str, now: float) -> None:
        """Remember that the plan with this fingerprint failed at this moment."""
        self._plan, self._at, self._why = plan, now, why

    def note_taken_back(self, vlans: Iterable[VlanId], now: float) -> None:
        """Remember where a role was exchanged in vain."""
        self._taken_back = dict.fromkeys(vlans, now)

    def why(self, plan: str, now: float) -> str:
        """Say why the plan with this fingerprint is not tried now; empty when it may be."""
        is_this = bool(self._plan) and plan == self._plan
        return self._why if is_this and now - self._at < FAILED_SECONDS else ""

    def lately_taken_back(self, now: float) -> tuple[VlanId, ...]:
        """Give the VLANs whose roles were taken back a moment ago."""
        return tuple(v for v, at in self._taken_back.items() if now - at < FAILED_SECONDS)
