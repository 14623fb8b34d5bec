"""The addresses of a rack's interfaces, as the rack tells them."""

from ipaddress import IPv4Interface
from typing import Any

from attrs import frozen

from evenrack.model.json_form import from_json

MOST_ADDRESSES = 1_000
MOST_NAME_CHARACTERS = 15
"""What Linux allows (IFNAMSIZ, with a closing zero)."""


@frozen(kw_only=True, order=True)
class Interface:
    """One IPv4 address of one interface."""

    name: str
    address: IPv4Interface
    """With the length of its network's prefix."""


def interfaces_from_json(form: Any) -> tuple[Interface, ...]:
    """Read a list of them; ValueError when it is not one or is unreasonably large."""
    if not isinstance(form, list) or len(form) > MOST_ADDRESSES:
        raise ValueError(f"a list of at most {MOST_ADDRESSES} addresses is needed")
    interfaces = tuple(from_json(each, Interface) for each in form)
    for interface in interfaces:
        if not 0 < len(interface.name) <= MOST_NAME_CHARACTERS or not interface.name.isprintable():
            raise ValueError("an interface has a name of 1 to 15 printable characters")
    return interfaces
