"""The IPv6 addresses that this host can serve from now, as the kernel says: proc(5)."""

from ipaddress import IPv6Address
from pathlib import Path
from typing import Final

OWN_ADDRESSES: Final = Path("/proc/self/net/if_inet6")
_OF_THE_LINK: Final = 0x20
_NOT_USABLE: Final = 0x40 | 0x08
"""Tentative; somebody else on the link has it: linux/if_addr.h."""

OwnAddresses = frozenset[tuple[str, IPv6Address]]
"""Each with the name of its interface."""


def own_addresses6() -> OwnAddresses:
    """Ask the kernel, which takes no program; nothing where it has no IPv6."""
    try:
        return usable_in(OWN_ADDRESSES.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return frozenset()


def usable_in(printed: str) -> OwnAddresses:
    """Read the kernel's list, without addresses that are only of a link or not to be used yet."""
    found = set()
    for line in printed.splitlines():
        address, _, _, scope, flags, name = line.split()
        if int(scope, 16) != _OF_THE_LINK and not int(flags, 16) & _NOT_USABLE:
            found.add((name, IPv6Address(int(address, 16))))
    return frozenset(found)
