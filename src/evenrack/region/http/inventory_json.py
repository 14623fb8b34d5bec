"""The forms of VLANs, subnets, ranges and reservations in requests and answers."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from evenrack.model.network_rules import SETTING_LIMITS, Noun
from evenrack.region.database.inventory_reading import AROUND, Stored, fields_of
from evenrack.region.http.request_body import (
    Read,
    address,
    boolean,
    list_of,
    mac,
    network,
    nullable,
    reference,
    text,
    whole_number,
)


@frozen(kw_only=True)
class Kind:
    """What can be asked and said of one kind of object."""

    noun: Noun
    plural: str
    """Its address under /api/v1, and the key of a list."""
    fields: Mapping[str, Read]
    """What can be set."""
    required: tuple[str, ...]
    inside: tuple[Noun, ...] = ()
    """What it is inside, the nearest first: the first is set by the field of that name, and a list
    can be narrowed to what is inside one of any of them."""


KINDS = (
    Kind(
        noun="vlan",
        plural="vlans",
        fields={
            "name": text,
            "fabric": text,
            "vid": nullable(whole_number),
            "dhcp_on": boolean,
            **dict.fromkeys(SETTING_LIMITS, whole_number),
        },
        required=("name",),
    ),
    Kind(
        noun="subnet",
        plural="subnets",
        fields={
            "vlan": reference,
            "cidr": network,
            "gateway": nullable(address),
            "dns_servers": list_of(address),
            "ntp_servers": list_of(address),
            "domain": text,
        },
        required=("vlan", "cidr"),
        inside=("vlan",),
    ),
    Kind(
        noun="range",
        plural="ranges",
        fields={"subnet": reference, "first": address, "last": address},
        required=("first", "last"),
        inside=("subnet", "vlan"),
    ),
    Kind(
        noun="reservation",
        plural="reservations",
        fields={"subnet": reference, "mac": mac, "address": address, "hostname": text},
        required=("mac", "address"),
        inside=("subnet", "vlan"),
    ),
)


def object_form(it: Stored) -> dict[str, Any]:
    """Give an object as it is shown: its id first, its generation last."""
    outer: dict[str, Any] = {AROUND[it.noun]: it.inside_name} if it.noun in AROUND else {}
    return {"id": it.value.id, **outer, **fields_of(it.value), "generation": str(it.number)}
