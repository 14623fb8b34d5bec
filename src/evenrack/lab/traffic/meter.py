"""What clients felt since a moment: how many were answered and lost, and the longest wait.

A wait counts from the moment on, not from before it, so that what was broken already is not put
down to a deed. A client that still waits counts with its wait so far.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Factory, frozen

from evenrack.lab.fleet import Fleet
from evenrack.lab.traffic.felt_file import BEGAN, ENDED, read_felt

ALWAYS = 0.0
"""The moment before every other."""
Line = Mapping[str, Any]


@frozen(kw_only=True)
class Felt:
    """What some clients felt; seconds."""

    answers: int = 0
    lost: int = 0
    longest_wait: float = 0.0
    waiting: int = 0
    """How many wait at this moment, and have for over a second."""
    ever_answered: bool = False
    """Whether anybody answered at all, before the moment or since."""

    def __add__(self, other: "Felt") -> "Felt":
        return Felt(
            answers=self.answers + other.answers,
            lost=self.lost + other.lost,
            longest_wait=max(self.longest_wait, other.longest_wait),
            waiting=self.waiting + other.waiting,
            ever_answered=self.ever_answered or other.ever_answered,
        )

    def to_json(self) -> dict[str, Any]:
        """Give {"answers", "lost", "longest_wait", "waiting"}."""
        return {
            "answers": self.answers,
            "lost": self.lost,
            "longest_wait": round(self.longest_wait, 3),
            "waiting": self.waiting,
        }


@frozen(kw_only=True)
class FeltOutage:
    """What the clients of each VLAN felt."""

    vlans: Mapping[str, Felt] = Factory(dict)

    @property
    def together(self) -> Felt:
        """All VLANs as one."""
        return sum(self.vlans.values(), start=Felt())

    @property
    def worst_vlan(self) -> str:
        """Where somebody waited longest."""
        return max(self.vlans, key=lambda vlan: self.vlans[vlan].longest_wait)

    def to_json(self) -> dict[str, Any]:
        """Give the sum's keys, and the same for each VLAN under "vlans"."""
        vlans = {vlan: felt.to_json() for vlan, felt in self.vlans.items()}
        return {**self.together.to_json(), "vlans": vlans}


def felt_since(lines: Iterable[Line], since: float, *, now: float) -> Felt:
    """Sum up the lines of one prober; both moments are of CLOCK_MONOTONIC, seconds."""
    answers, lost, longest = 0, 0, 0.0
    ever_answered = False
    waiting: dict[tuple[str, str], float] = {}
    for line in lines:
        if line["kind"] in {BEGAN, ENDED}:
            waiting.clear()
            continue
        client = (line["kind"], line.get("mac") or line["machine"])
        if line.get("waiting"):
            waiting[client] = line["mono"] - line["wait"]
            continue
        waiting.pop(client, None)
        ever_answered = ever_answered or _is_answer(line)
        if line["mono"] >= since:
            answers += _is_answer(line)
            lost += "lost" in line
            longest = max(longest, min(line["wait"], line["mono"] - since))
    still = (now - max(began, since) for began in waiting.values())
    return Felt(
        answers=answers,
        lost=lost,
        longest_wait=max(longest, *still, 0.0),
        waiting=len(waiting),
        ever_answered=ever_answered,
    )


def dhcp_felt(fleet: Fleet, since: float, *, now: float) -> FeltOutage:
    """Read what the clients of a lab felt since a moment; a lab without a network has none."""
    vlans: dict[str, Felt] = {}
    for client in fleet.clients:
        felt = felt_since(read_felt(client.felt), since, now=now)
        vlans[client.network] = vlans.get(client.network, Felt()) + felt
    return FeltOutage(vlans=vlans)


def power_felt(fleet: Fleet, since: float, *, now: float) -> Felt:
    """Read what was felt of power since a moment: nothing in a lab without BMCs."""
    if fleet.power_traffic is None:
        return Felt()
    return felt_since(read_felt(fleet.power_traffic.felt), since, now=now)


def _is_answer(line: Line) -> bool:
    """Whether a DHCP server answered, or a rack did what was ordered."""
    return "server" in line or "rack" in line
