"""Which role a page needs: a declaration of each page, and the one place where it is read. Pure."""

from attrs import frozen

from evenrack.region.database.token_store import Role

READING = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""


@frozen(kw_only=True)
class Access:
    """Who may ask a page."""

    read: Role | None
    """None: whoever reaches the door, without a token."""
    change: Role

    def needed(self, method: str) -> Role | None:
        """Give the role that a method needs."""
        return self.read if method in READING else self.change


ANYONE = Access(read=None, change="admin")
"""To look at without a token: nothing but whether a process is well."""

WATCH = Access(read="viewer", change="admin")
"""To look at; nothing can be changed there."""

OPERATE = Access(read="viewer", change="operator")
"""The network, its machines, and what they are ordered."""

PROGRAM = Access(read="viewer", change="admin")
"""What the DHCP servers of racks are to run as it is written."""

ADMINISTER = Access(read="admin", change="admin")
"""Who may ask, who may join, and what encrypts."""

NOTHING_THERE = Access(read="viewer", change="viewer")
"""To be told that there is nothing."""
