"""The forms of VLANs, subnets, ranges and reservations in requests and answers."""

from typing import Any

from evenrack.model.network_rules import (
    DOMAIN_LABEL,
    HIGHEST_VID,
    MOST_DOMAIN_CHARACTERS,
    MOST_HOSTNAME_BYTES,
    MOST_SERVERS,
    SETTING_LIMITS,
)
from evenrack.region.database.inventory_reading import AROUND, Stored, fields_of
from evenrack.region.http.fields import (
    address,
    boolean,
    list_of,
    mac,
    name,
    network,
    nullable,
    reference,
    text,
    whole_number,
)
from evenrack.region.http.noun_pages import Kind
from evenrack.region.http.shapes import TEXT

_DOMAIN = rf"(?:{DOMAIN_LABEL.pattern})(?:\.(?:{DOMAIN_LABEL.pattern}))*"

VLANS = Kind(
    noun="vlan",
    plural="vlans",
    fields={
        "name": name.but(**{"not": {"pattern": "^[0-9]+$"}}),
        "fabric": name,
        "vid": nullable(whole_number.but(minimum=0, maximum=HIGHEST_VID)),
        "dhcp_on": boolean,
        **{
            setting: whole_number.but(minimum=least, maximum=most)
            for setting, (least, most) in SETTING_LIMITS.items()
        },
    },
    required=("name",),
    more={},
)

SUBNETS = Kind(
    noun="subnet",
    plural="subnets",
    fields={
        "vlan": reference,
        "cidr": network,
        "gateway": nullable(address),
        "dns_servers": list_of(address, most=MOST_SERVERS),
        "ntp_servers": list_of(address, most=MOST_SERVERS),
        "domain": text.but(pattern=f"^(?:{_DOMAIN})?$", maxLength=MOST_DOMAIN_CHARACTERS),
    },
    required=("vlan", "cidr"),
    filters=("vlan",),
    more={"vlan": TEXT},
)

RANGES = Kind(
    noun="range",
    plural="ranges",
    fields={"subnet": reference, "first": address, "last": address},
    required=("first", "last"),
    filters=("subnet", "vlan"),
    more={"subnet": TEXT},
)

RESERVATIONS = Kind(
    noun="reservation",
    plural="reservations",
    fields={
        "subnet": reference,
        "mac": mac,
        "address": address,
        "hostname": text.but(maxLength=MOST_HOSTNAME_BYTES),
    },
    required=("mac", "address"),
    filters=("subnet", "vlan"),
    more={"subnet": TEXT},
)

KINDS = (VLANS, SUBNETS, RANGES, RESERVATIONS)


def object_form(it: Stored) -> dict[str, Any]:
    """Give an object as it is shown: its id first, its generation last."""
    outer: dict[str, Any] = {AROUND[it.noun]: it.inside_name} if it.noun in AROUND else {}
    return {"id": it.value.id, **outer, **fields_of(it.value), "generation": str(it.number)}
