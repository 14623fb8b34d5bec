"""Whether the host of a DHCP server answers another rack, as evidence that it is dead or alive."""

from ipaddress import IPv4Address
from typing import Any, Literal

from attrs import evolve, frozen

from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.json_form import from_json

MOST_PROBED = 256
"""Addresses in one question: each is asked at once, over a socket of its own."""

MOST_WHY_CHARACTERS = 100
"""Of one answer: all of them fit into one piece of a message."""

AGAIN_SECONDS = 10.0
"""Between two questions about a host."""

Found = Literal["connected", "refused", "resolved", "silent", "unknown"]
"""What came of one probe. `resolved`: nothing answered at the port, but somebody says that the
address is his (ARP), as does a host that drops what it does not want. `unknown`: this rack could
not ask."""

ALIVE: frozenset[Found] = frozenset({"connected", "refused", "resolved"})
"""What only a host that runs can do."""


@frozen(kw_only=True)
class ProbeAnswer:
    """What one rack found out about the host at an address just now."""

    address: IPv4Address
    found: Found
    why: str = ""
    """Why it is not known."""


@frozen(kw_only=True)
class Probe:
    """What one rack is to find out for a VLAN while a server of its pair is lost."""

    vlan: VlanId
    asked: RackId
    target: RackId
    """The rack of the pair whose server has this address."""
    address: IPv4Address
    found: Found | None = None
    """What it found when it was asked last; None before its first answer."""
    why: str = ""
    age: float = 0.0
    """Seconds since that answer, by the database's clock."""

    @property
    def question(self) -> "Probe":
        """Give it without its answer."""
        return evolve(self, found=None, why="", age=0.0)


def probed_from_json(form: Any) -> tuple[IPv4Address, ...]:
    """Read the addresses of a question; ValueError when it is not one or is too large."""
    addresses = from_json(form, tuple[IPv4Address, ...])
    if len(addresses) > MOST_PROBED:
        raise ValueError(f"at most {MOST_PROBED} addresses can be asked about")
    return addresses


def probe_answers_from_json(form: Any) -> tuple[ProbeAnswer, ...]:
    """Read an answer; ValueError when it is not one or is too large."""
    answers = from_json(form, tuple[ProbeAnswer, ...])
    if len(answers) > MOST_PROBED:
        raise ValueError(f"at most {MOST_PROBED} addresses can be told of")
    if any(len(answer.why) > MOST_WHY_CHARACTERS for answer in answers):
        raise ValueError(f"a reason has at most {MOST_WHY_CHARACTERS} characters")
    return answers
