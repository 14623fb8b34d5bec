"""M11: of each IPv6 range a rack gives away its half, and serves on when the other one is lost."""

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Final

from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed, NeverMayBe
from evenrack.lab.drill.dhcp.dhcp_sight import client_on, served_vlan, wait_for
from evenrack.lab.drill.dhcp.ipv6_vlan import (
    FIRST,
    KEPT,
    KEPT_FOR,
    LAST,
    Ipv6Vlan,
    ipv6_on,
    wait_until_served6,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.traffic.real_client import NoLease
from evenrack.lab.traffic.real_client6 import ask_for_address

_NEWCOMER: Final = "00:03:00:01:02:66:00:00:00:{:02x}"
_TOLD_SECONDS: Final = 25.0
"""Racks read what their servers wrote down each ten seconds."""
_BEFORE: Final = 1
_AFTER: Final = 2
"""So many newcomers ask while both live, and while one is lost."""


def ipv6_outlives_a_server(trial: Trial, limit: float) -> Measured:
    """Give a VLAN IPv6, let clients ask, kill who has the lower half, and let more clients ask."""
    row = served_vlan(trial)
    vlan, racks = row["vlan"], [side["rack"] for side in row["sides"]]
    of_ipv4 = _pids(trial, racks, "dhcpd")
    with ipv6_on(trial, vlan) as known:
        if _pids(trial, racks, "dhcpd") != of_ipv4:
            raise CheckFailed("a server for IPv4 was restarted for a change of IPv6")
        dead, left = known.with_half("lower"), known.with_half("upper")
        before = _newcomers(trial, vlan, range(_BEFORE))
        _refuse_wrong(known, before, racks)
        _restart_daemon(trial, vlan, left)
        for program in trial.programs_of(dead):
            trial.programs.kill(program)
        began, event = trial.clocks.seconds(), trial.newest_event()
        after = _newcomers(trial, vlan, range(_BEFORE, _BEFORE + 1))
        seconds = trial.clocks.seconds() - began
        after += _newcomers(trial, vlan, range(_BEFORE + 1, _BEFORE + _AFTER))
        _refuse_wrong(known, after, [left])
        if (kept := _ask(trial, vlan, KEPT_FOR)) != KEPT:
            raise CheckFailed(f"{left} gave {kept} to the machine for which {KEPT} is kept")
        trial.restore()
        trial.wait_until_whole()
        wait_until_served6(trial, vlan)
        _wait_until_told(trial, event, after)
        free = _wait_until_counted(trial, vlan, len(before + after))
    if len({*before, *after}) != len(before + after):
        raise NeverMayBe(f"one address was given twice: {_words(before + after)}")
    if seconds > limit:
        raise CheckFailed(f"a newcomer had its address only after {seconds:.2f} s", seconds)
    return Measured(
        seconds=seconds,
        detail=f"on {vlan} dhclient got {_words(before)} from both; with {dead} killed {left} gave "
        f"{_words(after)} of its own half to newcomers, and {KEPT} to whom it is kept for; "
        f"{free} addresses are free",
    )


def _wait_until_told(trial: Trial, event: int, given: Sequence[IPv6Address]) -> None:
    """See that the regions tell of each new lease."""

    def are_told() -> bool:
        told = " ".join(it["text"] for it in trial.events_since(event) if it["kind"] == "lease")
        return all(f"{address} to DUID " in told for address in given)

    wait_for(trial, are_told, _TOLD_SECONDS, f"no event tells of all of {_words(given)}")


def _wait_until_counted(trial: Trial, vlan: str, leases: int) -> int:
    """See that what both give away is added up, less what some clients have by now."""
    total = int(LAST) - int(FIRST) + 1
    left: dict[str, int] = {}

    def are_counted() -> bool:
        nonlocal left
        left = trial.dhcp_row(vlan)["ipv6_left"] or {}
        return left.get("total") == total and total - leases <= left["free"] < total

    wrong = (
        f"of the {total} IPv6 addresses of {vlan} not about {total - leases} are said to be free"
    )
    wait_for(trial, are_counted, _TOLD_SECONDS, wrong)
    return left["free"]


def _restart_daemon(trial: Trial, vlan: str, rack: str) -> None:
    """See that a rack daemon which is killed and started leaves its server for IPv6 alone."""
    server = trial.pid_of(f"{rack}/dhcpd6")
    trial.programs.kill(f"{rack}/rackd")
    trial.programs.start(f"{rack}/rackd")
    trial.wait_until_whole()
    wait_until_served6(trial, vlan)
    if server is None or trial.pid_of(f"{rack}/dhcpd6") != server:
        raise CheckFailed(f"the server for IPv6 of {rack} did not outlive its rack daemon")


def _newcomers(trial: Trial, vlan: str, numbers: Sequence[int]) -> list[IPv6Address]:
    return [_ask(trial, vlan, _NEWCOMER.format(number)) for number in numbers]


def _ask(trial: Trial, vlan: str, duid: str) -> IPv6Address:
    try:
        return ask_for_address(client_on(trial, vlan), vlan, duid)
    except NoLease as problem:
        raise CheckFailed(f"nobody gave a client an IPv6 address: {problem}") from problem


def _refuse_wrong(known: Ipv6Vlan, given: Sequence[IPv6Address], racks: Sequence[str]) -> None:
    """See that each address is of a half that one of these racks gives away."""
    for address in given:
        if not any(known.is_of(rack, address) for rack in racks):
            halves = ", ".join(f"{rack} has the {known.halves[rack]} half" for rack in racks)
            raise CheckFailed(f"a client was given {address}, and {halves}")


def _pids(trial: Trial, racks: Sequence[str], program: str) -> dict[str, int | None]:
    return {rack: trial.pid_of(f"{rack}/{program}") for rack in racks}


def _words(addresses: Sequence[IPv6Address]) -> str:
    return ", ".join(map(str, addresses))


CHECKS = (
    Check(
        promise="M11",
        name="IPv6: each rack gives its half, one is killed, and the other serves whoever asks",
        limit_seconds=5,
        run=ipv6_outlives_a_server,
        needs_network=True,
    ),
)
