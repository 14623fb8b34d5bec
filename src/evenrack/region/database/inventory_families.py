"""What a request makes of an object of the inventory: one of IPv4, or one of IPv6.

The addresses say which. An object stays of its family, and what DHCPv6 cannot tell is refused.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Any

from attrs import evolve

from evenrack.model.boot import BOOT_FIELDS
from evenrack.model.findings import Noun
from evenrack.model.identifiers import RangeId, ReservationId, SubnetId, VlanId
from evenrack.model.network import Range, Reservation, Subnet, Vlan
from evenrack.model.network6 import Range6, Reservation6, Subnet6
from evenrack.model.network_rules import SETTINGS
from evenrack.region.database.inventory_values import Value, name_of

NEW = 0
"""The id of an object that is checked before it has one."""

_GATEWAY = (
    "DHCPv6 tells of no gateway: clients hear of it from the router itself (its router "
    "advertisements); leave it out"
)
_DOMAIN = "DHCPv6 tells of no domain of the clients; name it in search_domains instead"
_HOSTNAME = "DHCPv6 tells machines no hostname; leave it out"
_OTHER_MACS = "an IPv6 address is kept for one machine; leave the other cards out"
_MAC = "an IPv4 address is kept for a card; give its mac"
_DUID = "only an IPv6 address is kept for a duid; give the mac of the card instead"

_NOT_IPV6: Mapping[type, Mapping[str, tuple[Any, str]]] = MappingProxyType(
    {
        Subnet6: {"gateway": (None, _GATEWAY), "domain": ("", _DOMAIN)},
        Range6: {},
        Reservation6: {"hostname": ("", _HOSTNAME), "other_macs": ((), _OTHER_MACS)},
    }
)
"""What objects of IPv6 have not, with the only value that it may be given."""


class NotOfThisFamily(Exception):
    """A field does not go with the addresses of an object."""

    def __init__(self, value: Value, field: str, sentence: str) -> None:
        self.value = value
        self.field = field
        super().__init__(sentence)


def new_value(noun: Noun, fields: Mapping[str, Any]) -> Value:
    """Make an object with what it must have."""
    if noun == "vlan":
        return Vlan(id=VlanId(NEW), name=fields["name"])
    if noun == "subnet":
        return _new_subnet(fields["cidr"])
    if noun == "range":
        return _new_range(fields["first"])
    return _new_reservation(fields)


def _new_subnet(cidr: IPv4Network | IPv6Network) -> Value:
    if isinstance(cidr, IPv6Network):
        return Subnet6(id=SubnetId(NEW), cidr=cidr)
    return Subnet(id=SubnetId(NEW), cidr=cidr)


def _new_range(first: IPv4Address | IPv6Address) -> Value:
    # its last address is set like all the rest: it may be of the other family
    if isinstance(first, IPv6Address):
        return Range6(id=RangeId(NEW), first=first, last=first)
    return Range(id=RangeId(NEW), first=first, last=first)


def _new_reservation(fields: Mapping[str, Any]) -> Value:
    address = fields["address"]
    if isinstance(address, IPv6Address):
        return Reservation6(id=ReservationId(NEW), address=address)
    return Reservation(id=ReservationId(NEW), mac=fields.get("mac") or "", address=address)


def with_fields(value: Value, fields: Mapping[str, Any]) -> Value:
    """Set fields of an object; NotOfThisFamily where one of them is for the other family."""
    if isinstance(value, Vlan):
        return _vlan_with(value, fields)
    if isinstance(value, Subnet6 | Range6 | Reservation6):
        return evolve(value, **_fields_of_ipv6(value, fields))
    for name, given in fields.items():
        if _has(given, IPv6Address, IPv6Network):
            raise _other_family(value, name, 4)
    if isinstance(value, Reservation):
        return evolve(value, **_fields_of_card(value, fields))
    return evolve(value, **fields)


def _vlan_with(value: Vlan, fields: Mapping[str, Any]) -> Vlan:
    settings = {name: each for name, each in fields.items() if name in SETTINGS}
    boot = {name: each for name, each in fields.items() if name in BOOT_FIELDS}
    others = {name: each for name, each in fields.items() if name not in settings | boot}
    return evolve(
        value,
        settings=evolve(value.settings, **settings),
        boot=evolve(value.boot, **boot),
        **others,
    )


def _fields_of_ipv6(
    value: Subnet6 | Range6 | Reservation6, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    missing, kept = _NOT_IPV6[type(value)], {}
    for name, given in fields.items():
        if name in missing:
            nothing, sentence = missing[name]
            if given != nothing:
                raise NotOfThisFamily(value, name, _about(value, sentence))
        elif _has(given, IPv4Address, IPv4Network):
            raise _other_family(value, name, 6)
        else:
            kept[name] = given
    if isinstance(value, Reservation6):  # one of the two takes the place of the other
        for name, other in (("mac", "duid"), ("duid", "mac")):
            if kept.get(name) is not None and other not in kept:
                kept[other] = None
    return kept


def _fields_of_card(value: Reservation, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if fields.get("duid") is not None:
        raise NotOfThisFamily(value, "duid", _about(value, _DUID))
    if not fields.get("mac", value.mac):
        raise NotOfThisFamily(value, "mac", _about(value, _MAC))
    return {name: given for name, given in fields.items() if name != "duid"}


def _has(given: Any, *kinds: type) -> bool:
    return any(isinstance(each, kinds) for each in _each(given))


def _each(given: Any) -> Iterator[Any]:
    if isinstance(given, tuple):
        yield from given
    else:
        yield given


def _other_family(value: Value, field: str, version: int) -> NotOfThisFamily:
    sentence = f"in its {field} it takes IPv{version} only; make another object for the other one"
    return NotOfThisFamily(value, field, _about(value, sentence))


def _about(value: Value, sentence: str) -> str:
    noun = {Subnet6: "subnet", Subnet: "subnet", Range6: "range", Range: "range"}
    called = name_of(value) or str(getattr(value, "address", ""))
    return f"{noun.get(type(value), 'reservation')} {called}: {sentence}"
