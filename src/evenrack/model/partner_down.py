"""The word that one server of a pair is dead for good, and its peer may take its addresses."""

from datetime import datetime

from attrs import frozen

from evenrack.model.identifiers import RackId, VlanId


@frozen(kw_only=True)
class PartnerDown:
    """One such word, from when it was given until both servers are `normal` again.

    A server that is told so (failover state `partner-down`) serves its own half of the free
    addresses as before, and the other's after a time in which the dead one's clients would have
    noticed (`mclt`). Moments are of the database's clock.
    """

    vlan: VlanId
    survivor: RackId
    """Whose server is told."""
    dead: RackId
    who: str
    """Who gave the word: the operator's name, or the leader's."""
    at: datetime
    taken_at: datetime | None = None
    """When the survivor's server was in `partner-down`; None before."""
    usable_at: datetime | None = None
    """From when it gives away all free addresses."""
    by_evidence: bool = False
    """The leader gave it, by what racks found out: over if that changes before it is taken."""
    refused: str = ""
    """Why the survivor did not take it when it was told last."""
