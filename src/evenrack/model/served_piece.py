"""What a rack's DHCP server serves, told in pieces: it may be more than one answer holds."""

from attrs import frozen

MOST_PIECE_BYTES = 60_000
"""One value on the wire has at most 65,535."""


@frozen(kw_only=True)
class ServedPiece:
    """A part of the JSON of a DHCP plan."""

    plan: str
    """The plan's fingerprint: another one, and the piece is the first of another plan."""
    text: bytes
    more: bool
    """Whether it goes on behind this piece."""
