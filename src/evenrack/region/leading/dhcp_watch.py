"""What has to change about DHCP now, with what only the leader's clock knows.

That is who is lost, and how long a rack has waited for its turn or taken over it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from evenrack.balance.dhcp_pairs import PairDecisions, decide_pairs
from evenrack.balance.dhcp_services import decide_met, decide_services
from evenrack.balance.dhcp_swaps import failed_swaps, turns_after
from evenrack.balance.dhcp_turns import (
    Patience,
    decide_turns,
    decide_withdrawals,
    hurries_that_are_over,
    racks_in_a_hurry,
)
from evenrack.balance.partner_down import words_that_end
from evenrack.balance.partner_down_evidence import (
    Evidence,
    probe_changes,
    words_without_evidence,
)
from evenrack.balance.relayed_vlans import decide_relayed
from evenrack.model.dhcp_probe import Probe
from evenrack.model.dhcp_roles import Service
from evenrack.model.fleet import Fleet
from evenrack.model.identifiers import RackId, VlanId
from evenrack.region.leading.absences import Absences
from evenrack.region.leading.evidence_watch import EvidenceWatch

Key = TypeVar("Key")

TURN_SECONDS = 20.0
"""A turn that was not used, or did not lead to `normal`, is over after this."""

SWAP_AGAIN_SECONDS = 600.0
"""An exchange of roles that failed is tried again after this: each try costs both a restart."""


@frozen(kw_only=True)
class DhcpDecisions:
    """Everything about DHCP that one turn of the leader changes."""

    pairs: PairDecisions = field(factory=PairDecisions)
    services: Mapping[VlanId, Service | None] = field(factory=dict)
    relayed: Mapping[VlanId, VlanId | None] = field(factory=dict)
    """In whose files relayed VLANs are to stand (`balance.relayed_vlans`)."""
    turns: Mapping[RackId, str] = field(factory=dict)
    after: Mapping[RackId, RackId] = field(factory=dict)
    """Whose turn is only good for a while after another rack's (`balance.dhcp_swaps`)."""
    withdrawn: tuple[RackId, ...] = ()
    met: tuple[VlanId, ...] = ()
    """Whose servers have met just now."""
    ended: tuple[VlanId, ...] = ()
    """For which the word that a server is dead is over."""
    hurried: tuple[VlanId, ...] = ()
    """Whose changes were not to wait, and are applied."""
    unfounded: tuple[VlanId, ...] = ()
    """For which that word was the leader's, and what it was given by is not so any more."""
    dead: tuple[Evidence, ...] = ()
    """What is enough to call a server dead."""
    probed: tuple[Probe, ...] = ()
    """What racks are to find out from now on."""
    unprobed: tuple[Probe, ...] = ()
    """What they need find out no more."""

    def __bool__(self) -> bool:
        of_turns = (self.turns, self.withdrawn, self.met, self.hurried)
        of_the_lost = (self.ended, self.unfounded, self.dead, self.probed, self.unprobed)
        return any((self.pairs.pairs, self.services, self.relayed, *of_turns, *of_the_lost))


class DhcpWatch:
    """Remembers since when, by the leader's clock; a new leader begins to count anew.

    But turns it counts from when they were given: else no rack whose pair is not normal would let
    another one restart for as long as a turn may take.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        hold_down_seconds: float,
        defer_seconds: float,
        evidence_seconds: float | None = None,
    ) -> None:
        self._clock = clock
        self._hold_down_seconds = hold_down_seconds
        self._defer_seconds = defer_seconds
        """Changes wait for so long while a peer is away: the restart of the one that is left may
        leave its clients unserved for a while."""
        self._absences = Absences(clock)
        self._evidence = EvidenceWatch(clock, after_seconds=evidence_seconds)
        self._turns: dict[tuple[RackId, str, datetime | None], float] = {}
        """Since when each has its turn. Of one that another leader gave the database knows."""
        self._waiting: dict[RackId, float] = {}
        """Since when each waits for a turn, with one plan after the other."""
        self._failed_swaps: dict[VlanId, float] = {}

    def decide(self, fleet: Fleet) -> DhcpDecisions:
        """Give what has to change now; turns only when nothing else does."""
        self._look(fleet)
        lost = self._absences.for_at_least(self._hold_down_seconds)
        pairs = decide_pairs(fleet, lost=lost)
        services = decide_services(fleet, pairs.pairs, put_off=self._failed_swaps)
        relayed = decide_relayed(fleet, services)
        if services or relayed:
            return DhcpDecisions(pairs=pairs, services=services, relayed=relayed)
        patience = Patience(
            expired=[rack for rack, *_ in self._older(self._turns, TURN_SECONDS)],
            overdue=[*self._older(self._waiting, self._defer_seconds), *racks_in_a_hurry(fleet)],
        )
        turns = decide_turns(fleet, patience)
        probed, unprobed = probe_changes(fleet, lost)
        return DhcpDecisions(
            pairs=pairs,
            turns=turns,
            after=turns_after(fleet, turns),
            withdrawn=decide_withdrawals(fleet, patience),
            met=decide_met(fleet),
            ended=words_that_end(fleet),
            unfounded=words_without_evidence(fleet),
            dead=self._evidence.enough(fleet),
            hurried=hurries_that_are_over(fleet),
            probed=probed,
            unprobed=unprobed,
        )

    def _look(self, fleet: Fleet) -> None:
        self._absences.look(fleet)
        self._evidence.look(fleet)
        now = self._clock.seconds()
        open_turns = ((rack, turn) for rack, turn in fleet.turns.items() if turn)
        turns = [(rack, turn, fleet.granted.get(rack)) for rack, turn in open_turns]
        reports = fleet.dhcp_reports.items()
        waiting = [rack for rack, report in reports if report.waiting]
        self._turns = {it: self._turns.get(it, now - fleet.turn_age(it[0])) for it in turns}
        self._waiting = {rack: self._waiting.get(rack, now) for rack in waiting}
        over = self._older(self._failed_swaps, SWAP_AGAIN_SECONDS)
        kept = {vlan: at for vlan, at in self._failed_swaps.items() if vlan not in over}
        self._failed_swaps = {**kept, **dict.fromkeys(failed_swaps(fleet), now)}

    def _older(self, since: Mapping[Key, float], seconds: float) -> list[Key]:
        now = self._clock.seconds()
        return [key for key, began in since.items() if now - began >= seconds]
