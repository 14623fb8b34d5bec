"""The forms of VLANs, subnets, ranges and reservations in requests and answers."""

from typing import Any

from evenrack.model.boot import BOOT_FILES
from evenrack.model.boot_rules import MOST_FILE_BYTES, file_url
from evenrack.model.domain_rules import (
    DOMAIN_LABEL,
    MOST_DOMAIN_CHARACTERS,
    MOST_SEARCH_DOMAINS,
)
from evenrack.model.network_rules import (
    HIGHEST_VID,
    MOST_SERVERS,
    OPTIONAL_LIMITS,
    SETTING_LIMITS,
)
from evenrack.model.reservation_rules import MOST_HOSTNAME_BYTES, MOST_OTHER_CARDS
from evenrack.region.database.inventory_reading import AROUND, Stored, told_fields
from evenrack.region.http.fields import (
    Field,
    address,
    boolean,
    duid,
    either_address,
    either_network,
    list_of,
    mac,
    name,
    next_server,
    nullable,
    or_null,
    reference,
    text,
    whole_number,
)
from evenrack.region.http.noun_pages import Kind
from evenrack.region.http.shapes import TEXT

_DOMAIN = rf"(?:{DOMAIN_LABEL.pattern})(?:\.(?:{DOMAIN_LABEL.pattern}))*"


def _boot_file(field: str) -> Field:
    """Make the field of a boot file; the rules of the inventory check it."""
    url = file_url(field)
    shape = {} if url is None else {"pattern": f"^(?:{url.pattern})?$"}
    return text.but(maxLength=MOST_FILE_BYTES, **shape)


VLANS = Kind(
    noun="vlan",
    plural="vlans",
    fields={
        "name": name.but(**{"not": {"pattern": "^[0-9]+$"}}),
        "fabric": name,
        "vid": nullable(whole_number.but(minimum=0, maximum=HIGHEST_VID)),
        "dhcp_on": boolean,
        "relay_vlan": nullable(reference),
        **{
            setting: whole_number.but(minimum=least, maximum=most)
            for setting, (least, most) in SETTING_LIMITS.items()
        },
        **{
            setting: nullable(whole_number.but(minimum=least, maximum=most))
            for setting, (least, most) in OPTIONAL_LIMITS.items()
        },
        "next_server": nullable(next_server),
        **{field: _boot_file(field) for field in BOOT_FILES},
    },
    required=("name",),
    more={"relay_vlan": or_null(TEXT)},
    removal_problems=(409,),
)

SUBNETS = Kind(
    noun="subnet",
    plural="subnets",
    fields={
        "vlan": reference,
        "cidr": either_network,
        "gateway": nullable(address),
        "dns_servers": list_of(either_address, most=MOST_SERVERS),
        "ntp_servers": list_of(either_address, most=MOST_SERVERS),
        "domain": text.but(pattern=f"^(?:{_DOMAIN})?$", maxLength=MOST_DOMAIN_CHARACTERS),
        "search_domains": list_of(
            text.but(pattern=f"^{_DOMAIN}$", maxLength=MOST_DOMAIN_CHARACTERS),
            most=MOST_SEARCH_DOMAINS,
        ),
        "allow_unknown": boolean,
    },
    required=("vlan", "cidr"),
    filters=("vlan",),
    more={"vlan": TEXT},
)

RANGES = Kind(
    noun="range",
    plural="ranges",
    fields={
        "subnet": reference,
        "first": either_address,
        "last": either_address,
        "reserved": boolean,
    },
    required=("first", "last"),
    filters=("subnet", "vlan"),
    more={"subnet": TEXT},
)

RESERVATIONS = Kind(
    noun="reservation",
    plural="reservations",
    fields={
        "subnet": reference,
        "mac": nullable(mac),
        "duid": nullable(duid),
        "address": either_address,
        "hostname": text.but(maxLength=MOST_HOSTNAME_BYTES),
        "other_macs": list_of(mac, most=MOST_OTHER_CARDS),
    },
    required=("address",),
    filters=("subnet", "vlan"),
    more={"subnet": TEXT},
)

KINDS = (VLANS, SUBNETS, RANGES, RESERVATIONS)


def object_form(it: Stored) -> dict[str, Any]:
    """Give an object as it is shown: its id first, its generation last."""
    outer: dict[str, Any] = {AROUND[it.noun]: it.inside_name} if it.noun in AROUND else {}
    return {"id": it.value.id, **outer, **told_fields(it), "generation": str(it.number)}
