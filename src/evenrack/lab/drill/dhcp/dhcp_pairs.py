"""P12 and P14 to P18: a pair serves each VLAN, configured as promised, and knows every lease."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from evenrack.lab.dhcp_state import NORMAL
from evenrack.lab.drill.check import Check, Measured
from evenrack.lab.drill.check_failed import CheckFailed
from evenrack.lab.drill.dhcp.dhcp_sight import (
    answers_since,
    client_on,
    dhcp_file,
    served_vlan,
    side_of,
    wait_for,
)
from evenrack.lab.drill.trial import Trial
from evenrack.lab.hosts import Host
from evenrack.lab.traffic.real_client import ask_for_lease

CLIENTS = 40
MOST_BY_THE_SECONDARY = 2
"""Answers that the rare bucket of split 255 may give to the secondary: one card asks once or twice
in this time."""
_TOLD_TOGETHER = 5
"""dhcpd writes what its peer tells it when it acknowledges it: when half of `max-unacked-updates`
are there, or when none has come for 2 s. The lab's own clients make one in 1.7 s."""
_STANZA = re.compile(r'(?ms)^failover peer "(failover-vlan-[0-9]+)" \{\n(.*?)^\}')
_STARTS = re.compile(r"\n  starts [0-9] ([0-9/]+ [0-9:]+);")
_MY_STATE = re.compile(r"\n  my state ([a-z-]+)(?: at |;)")
_BOTH = ("max-response-delay 60;", "max-unacked-updates 10;", "load balance max seconds 3;")
_PRIMARY = ("mclt 3600;", "split 255;")


def pairs_are_configured(trial: Trial, limit: float) -> Measured:  # noqa: ARG001  all is there
    """Read both files of each pair: the promised lines."""
    rows = trial.dhcp_rows()
    for row in rows:
        refuse_wrong_lines(row["vlan"], *_stanzas(trial, row))
    return Measured(seconds=0.0, detail=f"{len(rows)} pairs, each with the default lines")


def both_sides_fit(trial: Trial, limit: float) -> Measured:  # noqa: ARG001  all is there
    """Read both files of each pair: what the secondary must not have, names and addresses."""
    rows = trial.dhcp_rows()
    for row in rows:
        refuse_unequal_sides(row["vlan"], *_stanzas(trial, row))
    return Measured(
        seconds=0.0, detail=f"{len(rows)} pairs, each with one name and mirrored addresses"
    )


def _stanzas(trial: Trial, row: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return stanza_of(trial, row, "primary"), stanza_of(trial, row, "secondary")


def stanza_of(trial: Trial, row: Mapping[str, Any], role: str) -> list[str]:
    """Give the lines of one side's failover stanza, without their indentation."""
    rack = side_of(row, role)["rack"]
    number = row["vlan"].removeprefix("vlan")
    text = dhcp_file(trial, rack, "dhcpd.conf").read_text()
    found = {name: body for name, body in _STANZA.findall(text) if _has_port(body)}
    for name, body in found.items():
        lines = [line.strip() for line in body.splitlines()]
        if f"{role};" in lines and f"address 10.{100 + int(number)}." in body:
            return [name, *lines]
    raise CheckFailed(f"{rack} has no stanza for {row['vlan']} as {role}")


def a_client_gets_a_lease_that_both_know(trial: Trial, limit: float) -> Measured:
    """Let a client that nobody here wrote lease an address; look for it in both lease files."""
    row = served_vlan(trial)
    servers = {side["address"]: side["rack"] for side in row["sides"]}
    began, began_at = trial.clocks.seconds(), trial.clocks.now().replace(microsecond=0)
    host = client_on(trial, row["vlan"])
    lease = ask_for_lease(host, row["vlan"])
    got_at = trial.clocks.seconds()
    if str(lease.server) not in servers:
        raise CheckFailed(f"{lease.server} gave {lease.address}; the servers are {servers}")
    address, by = str(lease.address), servers[str(lease.server)]
    let_it_be_written(host, row["vlan"])
    wait_until_both_know(trial, address, by, servers.values(), began_at, limit)
    seconds = trial.clocks.seconds() - got_at
    return Measured(
        seconds=seconds,
        detail=f"udhcpc got {address} from {by} in {got_at - began:.2f} s; "
        f"{seconds:.2f} s later both knew of it",
    )


def let_it_be_written(host: Host, interface: str) -> None:
    """Lease as many more addresses as a server must be told of to write down the one before."""
    for _ in range(_TOLD_TOGETHER - 1):
        ask_for_lease(host, interface)


def wait_until_both_know(
    trial: Trial, address: str, by: str, racks: Collection[str], since: datetime, limit: float
) -> None:
    """Wait until an address that one server gave away is leased in the files of both."""
    files = {rack: dhcp_file(trial, rack, "dhcpd.leases") for rack in racks}

    def both_know() -> bool:
        texts = {rack: file.read_text() for rack, file in files.items()}
        # two that share nothing may give the client the same address at once
        told = all(was_told_of(text, address) for rack, text in texts.items() if rack != by)
        return told and all(lease_began(text, address, since) for text in texts.values())

    wait_for(trial, both_know, limit, f"{address} is not in both lease files")


def both_serve_at_once(trial: Trial, limit: float) -> Measured:  # noqa: ARG001  looked at once
    """See both servers of each VLAN run and be normal, by what they themselves write down."""
    rows = trial.dhcp_rows()
    for row in rows:
        for role in ("primary", "secondary"):
            side = side_of(row, role)
            refuse_not_normal(row["vlan"], side["rack"], side["state"])
            if trial.pid_of(f"{side['rack']}/dhcpd") is None:
                raise CheckFailed(f"{row['vlan']}: the dhcpd of {side['rack']} does not run")
            name, *_ = stanza_of(trial, row, role)
            leases = dhcp_file(trial, side["rack"], "dhcpd.leases").read_text()
            refuse_not_normal(
                row["vlan"], f"the dhcpd of {side['rack']}", noted_state(leases, name)
            )
    return Measured(seconds=0.0, detail=f"both servers of {len(rows)} VLANs are normal")


def refuse_not_normal(vlan: str, who: str, state: str) -> None:
    """See that a side of a pair is `normal`."""
    if state != NORMAL:
        raise CheckFailed(f"{vlan}: {who} is {state}, not {NORMAL}")


def the_primary_answers(trial: Trial, limit: float) -> Measured:
    """Count who answers new clients while both servers are up: the primary."""
    row = served_vlan(trial)
    primary = side_of(row, "primary")
    since = trial.clocks.seconds()

    def enough() -> bool:
        return len(answers_since(trial, row["vlan"], since, "discover")) >= CLIENTS

    wait_for(trial, enough, limit, f"{CLIENTS} clients were not answered")
    answers = answers_since(trial, row["vlan"], since, "discover")
    others = [answer for answer in answers if answer["server"] != primary["address"]]
    if len(others) > MOST_BY_THE_SECONDARY:
        raise CheckFailed(f"the secondary answered {len(others)} of {len(answers)} clients")
    return Measured(
        seconds=trial.clocks.seconds() - since,
        detail=f"{primary['rack']} answered {len(answers) - len(others)} of {len(answers)}",
    )


def _has_port(body: str) -> bool:
    return "port 647;" in body


def refuse_wrong_lines(vlan: str, primary: list[str], secondary: list[str]) -> None:
    """See that both stanzas have the default lines, character for character."""
    for line in (*_BOTH, *_PRIMARY):
        if line not in primary:
            raise CheckFailed(f'{vlan}: the primary\'s stanza lacks "{line}"')
    for line in _BOTH:
        if line not in secondary:
            raise CheckFailed(f'{vlan}: the secondary\'s stanza lacks "{line}"')


def refuse_unequal_sides(vlan: str, primary: list[str], secondary: list[str]) -> None:
    """See that both stanzas are of one relation, and the secondary has nothing of the primary's."""
    for line in secondary:
        if line.startswith(("mclt", "split")):
            raise CheckFailed(f'{vlan}: the secondary\'s stanza has "{line}"')
    if primary[0] != secondary[0]:
        raise CheckFailed(f"{vlan}: the peer is {primary[0]} here and {secondary[0]} there")
    if _addresses(primary) != _addresses(secondary)[::-1]:
        raise CheckFailed(f"{vlan}: the addresses of both sides are not mirrored")


def _addresses(stanza: list[str]) -> tuple[str, str]:
    """Give a side's own address and its peer's."""
    own = next(line for line in stanza if line.startswith("address "))
    peer = next(line for line in stanza if line.startswith("peer address "))
    return own.removeprefix("address "), peer.removeprefix("peer address ")


def lease_began(leases: str, address: str, since: datetime) -> bool:
    """Tell whether a lease file (dhcpd.leases(5)) has this address leased since a moment, in UTC.

    What counts is the last entry; a pair writes entries of free addresses too.
    """
    entry = _last_entry(leases, f"lease {address}")
    starts = _STARTS.search(entry)
    if starts is None or "\n  binding state active;" not in entry:
        return False
    moment = datetime.strptime(f"{starts[1]} +0000", "%Y/%m/%d %H:%M:%S %z")
    return moment >= since


def was_told_of(leases: str, address: str) -> bool:
    """Tell whether what a server last noted of an address came from its failover peer."""
    return "\n  atsfp " in _last_entry(leases, f"lease {address}")


def noted_state(leases: str, name: str) -> str:
    """Give the state in which a server last noted itself to be, as one side of a pair."""
    state = _MY_STATE.search(_last_entry(leases, f'failover peer "{name}" state'))
    return "unknown" if state is None else state[1]


def _last_entry(leases: str, heading: str) -> str:
    _, found, rest = leases.rpartition(f"\n{heading} {{")
    return rest.partition("\n}")[0] if found else ""


CHECKS = (
    Check(
        promise="P12",
        name="a client gets a lease from the pair, and both know of it",
        limit_seconds=5,
        run=a_client_gets_a_lease_that_both_know,
        needs_network=True,
    ),
    Check(
        promise="P14",
        name="both servers of each VLAN serve at once",
        limit_seconds=1,
        run=both_serve_at_once,
        needs_network=True,
    ),
    Check(
        promise="P16",
        name="both files of each pair have the promised lines",
        limit_seconds=1,
        run=pairs_are_configured,
        needs_network=True,
    ),
    Check(
        promise="P17",
        name="secondaries have no mclt and no split; names equal, addresses mirrored",
        limit_seconds=1,
        run=both_sides_fit,
        needs_network=True,
    ),
    Check(
        promise="P18",
        name="with both up the primary answers",
        limit_seconds=20,
        run=the_primary_answers,
        needs_network=True,
    ),
)
