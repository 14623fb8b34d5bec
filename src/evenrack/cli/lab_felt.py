"""What the lab's clients felt, in words: lines of the status, and more after each deed."""

import click
from attrs import frozen

from evenrack.cli.session import say
from evenrack.cli.show import Line
from evenrack.lab.clocks import Clocks
from evenrack.lab.fleet import Fleet
from evenrack.lab.traffic.meter import Felt, FeltOutage, dhcp_felt, power_felt

PATIENCE_SECONDS = 20.0
"""An outage that goes on is told as it is after so long."""
_LOOK_SECONDS = 0.5


@frozen(kw_only=True)
class _Outages:
    """What was felt of everything that a lab feels."""

    dhcp: FeltOutage
    power: Felt

    @property
    def waiting(self) -> bool:
        return bool(self.dhcp.together.waiting or self.power.waiting)


def traffic_page(felt: FeltOutage) -> list[Line]:
    """Lay out what DHCP clients felt since the lab came up; nothing in a lab without clients."""
    if not felt.vlans:
        return []
    return [_line("DHCP clients", felt.together, felt_words(felt), "no server has answered yet")]


def power_page(felt: Felt) -> list[Line]:
    """Lay out what was felt of power since the lab came up."""
    return [_line("power queries", felt, power_words(felt), "no BMC has answered yet")]


def tell_felt_outage(fleet: Fleet, since: float, clocks: Clocks) -> None:
    """Say what was felt of a deed, when nobody waits any more; nothing before anybody answered."""

    def look() -> _Outages:
        now = clocks.seconds()
        return _Outages(
            dhcp=dhcp_felt(fleet, since, now=now), power=power_felt(fleet, since, now=now)
        )

    first = look()
    if first.dhcp.together.waiting:
        say("DHCP clients wait for an answer")
    if first.power.waiting:
        say("power queries wait for an answer")
    clocks.wait_until(lambda: not look().waiting, seconds=PATIENCE_SECONDS, every=_LOOK_SECONDS)
    felt = look()
    dhcp = felt.dhcp.together
    if dhcp.ever_answered:
        click.echo(f"felt outage: DHCP: {felt_words(felt.dhcp)}, {dhcp.answers} answered")
    if felt.power.ever_answered:
        click.echo(f"felt outage: power: {power_words(felt.power)}, {felt.power.answers} answered")


def felt_words(felt: FeltOutage) -> str:
    """Say how many were lost, the longest wait and where, and who still waits."""
    together = felt.together
    where = f" (on {felt.worst_vlan})" if together.longest_wait else ""
    return _words(together, where)


def power_words(felt: Felt) -> str:
    """Say how many queries were lost, the longest wait, and how many still wait."""
    return _words(felt, "")


def _line(name: str, felt: Felt, words: str, before: str) -> Line:
    if not felt.ever_answered:
        return Line(name=name, value=before)
    value = f"{felt.answers} answers, {words}"
    return Line(name=name, value=value, good=not felt.lost and not felt.waiting)


def _words(felt: Felt, where: str) -> str:
    still = f", {felt.waiting} still waiting" if felt.waiting else ""
    return f"{felt.lost} lost, longest wait {felt.longest_wait:.3f} s{where}{still}"
