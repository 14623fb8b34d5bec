"""What the lab's clients felt, in words: a line of the status, and one after each deed."""

import click

from evenrack.cli.session import say
from evenrack.cli.show import Line
from evenrack.lab.clocks import Clocks
from evenrack.lab.fleet import Fleet
from evenrack.lab.traffic.meter import FeltOutage, dhcp_felt

PATIENCE_SECONDS = 20.0
"""An outage that goes on is told as it is after so long."""
_LOOK_SECONDS = 0.5


def traffic_page(felt: FeltOutage) -> list[Line]:
    """Lay out what clients felt since the lab came up; nothing in a lab without clients."""
    if not felt.vlans:
        return []
    together = felt.together
    if not together.ever_answered:
        return [Line(name="DHCP clients", value="no server has answered yet")]
    return [
        Line(
            name="DHCP clients",
            value=f"{together.answers} answers, {felt_words(felt)}",
            good=not together.lost and not together.waiting,
        )
    ]


def tell_felt_outage(fleet: Fleet, since: float, clocks: Clocks) -> None:
    """Say what clients felt of a deed, when nobody waits any more; nothing before DHCP is on."""

    def look() -> FeltOutage:
        return dhcp_felt(fleet, since, now=clocks.seconds())

    if not look().together.ever_answered:
        return
    if look().together.waiting:
        say("DHCP clients wait for an answer")
    clocks.wait_until(
        lambda: not look().together.waiting, seconds=PATIENCE_SECONDS, every=_LOOK_SECONDS
    )
    felt = look()
    click.echo(f"felt outage: DHCP: {felt_words(felt)}, {felt.together.answers} answered")


def felt_words(felt: FeltOutage) -> str:
    """Say how many were lost, the longest wait and where, and who still waits."""
    together = felt.together
    still = f", {together.waiting} still waiting" if together.waiting else ""
    where = f" (on {felt.worst_vlan})" if together.longest_wait else ""
    return f"{together.lost} lost, longest wait {together.longest_wait:.3f} s{where}{still}"
