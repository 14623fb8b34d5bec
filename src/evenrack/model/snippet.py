"""Text of an administrator for dhcpd.conf: what evenrack has no setting for."""

from typing import Literal

from attrs import frozen

from evenrack.model.identifiers import SnippetId

SnippetLevel = Literal["global", "vlan", "subnet", "pool", "host"]
"""Where it stands: before all VLANs, or inside what is declared for a VLAN, for a subnet, for the
ranges of a subnet, or for each card of a reservation."""


@frozen(kw_only=True)
class Snippet:
    """One text, as it is to stand in the file."""

    id: SnippetId
    level: SnippetLevel
    of: int | None = None
    """The id of the VLAN, subnet or reservation that it is for; None of a global one."""
    text: str
