"""A rack's plan without the content of its VLANs, which travels by itself where it changed."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Attribute, evolve, field, frozen

from evenrack.model.dhcp_plan import VlanService
from evenrack.model.json_form import from_json
from evenrack.model.network import Reservation, Vlan
from evenrack.model.rack_plan import RackPlan

MOST_VLAN_BYTES: Final = 128 * 1024 * 1024
"""Of one VLAN's JSON: a million reservations have 94 MB."""
MOST_PLAN_BYTES: Final = 256 * 1024 * 1024
"""Of all VLANs of a rack."""

_RESERVATIONS: Final = '"reservations": ['
"""Stands in no text of a person: there a quotation mark has a backslash before it."""
_SEPARATOR: Final = ", "
_DECODER: Final = json.JSONDecoder()
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def _check_name(_content: Any, _field: "Attribute[str]", name: str) -> None:
    if _SHA256.fullmatch(name) is None:
        raise ValueError("a content's name is a SHA-256: 64 hexadecimal digits")


def _check_length(_content: Any, _field: "Attribute[int]", length: int) -> None:
    if not 0 < length <= MOST_VLAN_BYTES:
        raise ValueError(f"the content of a VLAN has 1 to {MOST_VLAN_BYTES:,} bytes")


@frozen(kw_only=True)
class Content:
    """Which content a VLAN has: that of its JSON text (`Vlan.as_json`)."""

    sha256: str = field(validator=_check_name)
    length: int = field(validator=_check_length)
    """In bytes."""


@frozen(kw_only=True)
class PlanOutline:
    """A plan whose VLANs have nothing but their ids, and what belongs into them."""

    plan: RackPlan
    contents: tuple[Content, ...] = field()
    """One for each VLAN of the plan, in the same order."""

    @contents.validator
    def _check(
        self, _field: "Attribute[tuple[Content, ...]]", contents: tuple[Content, ...]
    ) -> None:
        if len(contents) != len(self.plan.dhcp):
            raise ValueError(f"{len(contents)} contents for {len(self.plan.dhcp)} VLANs")
        if sum(content.length for content in contents) > MOST_PLAN_BYTES:
            raise ValueError(f"all VLANs of a rack have more than {MOST_PLAN_BYTES:,} bytes")

    def filled_with(self, vlans: Mapping[str, Vlan]) -> RackPlan:
        """Give the whole plan, from VLANs by the names of their contents; KeyError."""
        services = zip(self.plan.dhcp, self.contents, strict=True)
        return evolve(
            self.plan,
            dhcp=tuple(evolve(it, vlan=vlans[content.sha256]) for it, content in services),
        )


def outline_of(plan: RackPlan) -> PlanOutline:
    """Take the content out of a plan."""
    return PlanOutline(
        plan=evolve(plan, dhcp=tuple(map(_emptied, plan.dhcp))),
        contents=tuple(content_of(service.vlan) for service in plan.dhcp),
    )


def content_of(vlan: Vlan) -> Content:
    """Name the content of a VLAN."""
    return Content(sha256=vlan.json_sha256, length=len(vlan.as_json))  # which is all ASCII


def vlan_from_content(text: bytes) -> Vlan:
    """Read a VLAN from what `Vlan.as_json` gives; ValueError when the text is not such a one.

    Its reservations are read one by one: Python's own reader lets no other thread run until it is
    done, 0.08 s for 100,000.
    """
    whole, rest, found, at = text.decode(), "", [], 0
    while (start := whole.find(_RESERVATIONS, at)) >= 0:
        start += len(_RESERVATIONS)
        rest += whole[at:start]
        reservations, at = _reservations(whole, start)
        found.append(reservations)
    vlan = from_json(json.loads(rest + whole[at:]), Vlan)
    if len(found) != _count_subnets(vlan):
        raise ValueError(f"{len(found)} lists of reservations for other subnets")
    return _filled(vlan, iter(found))


def plan_outline_from_json(form: Any) -> PlanOutline:
    """Read an outline; ValueError when the form is not one."""
    return from_json(form, PlanOutline)


def content_from_json(form: Any) -> Content:
    """Read the name of a content; ValueError when the form is not one."""
    return from_json(form, Content)


def contents_from_json(form: Any) -> tuple[Content, ...]:
    """Read names of contents; ValueError when the form is not a list of them."""
    if not isinstance(form, list):
        raise ValueError("contents are a list")  # noqa: TRY004  one error type for every form
    return tuple(from_json(each, Content) for each in form)


def _reservations(text: str, at: int) -> tuple[tuple[Reservation, ...], int]:
    """Read the members of a list that begins here; gives them, and where its end stands."""
    found: list[Reservation] = []
    while not text.startswith("]", at):
        if found:
            if not text.startswith(_SEPARATOR, at):
                raise ValueError("reservations are not separated as they are written")
            at += len(_SEPARATOR)
        form, at = _DECODER.raw_decode(text, at)
        found.append(from_json(form, Reservation))
    return tuple(found), at


def _count_subnets(vlan: Vlan) -> int:
    return len(vlan.subnets) + sum(map(_count_subnets, vlan.relayed))


def _filled(vlan: Vlan, found: Iterator[tuple[Reservation, ...]]) -> Vlan:
    """Put the reservations back, in the order of the text: `relayed` stands before `subnets`."""
    relayed = tuple(_filled(each, found) for each in vlan.relayed)
    subnets = tuple(evolve(each, reservations=next(found)) for each in vlan.subnets)
    return evolve(vlan, relayed=relayed, subnets=subnets)


def _emptied(service: VlanService) -> VlanService:
    return evolve(service, vlan=Vlan(id=service.vlan.id, name=""))
