"""Targets of a deed: `region1/2`, `rack3`, `rack3:vlan2`, `postgres`, `leader`, and so on."""

import re
from typing import Any

from attrs import frozen

from evenrack.lab.fleet import Fleet
from evenrack.lab.network.plan import BMC_HOST, BMC_NETWORK, POSTGRES_HOST, NetworkPlan
from evenrack.lab.refusals import LabRefused

WORDS = (
    "region1 (a host), region1/2 (a process), rack3, rack3/rackd, rack3/dhcpd, "
    "rack3:vlan2 (a cable), rack3:bmc, region1:management, client1, bmcs, bmcs/bmc3, "
    'postgres, postgres2, "primary of postgres", leader, "manager of rack3", '
    '"primary of vlan2", "secondary of vlan2", "owner of m7"'
)
_HOST = re.compile(rf"(?:region|rack|client)[1-9][0-9]*|{BMC_HOST}")
_PROGRAM = re.compile(
    r"region[1-9][0-9]*/[1-9][0-9]*|rack[1-9][0-9]*/(?:rackd|dhcpd6?)|client[1-9][0-9]*/traffic"
    rf"|{BMC_HOST}/bmc[1-9][0-9]*|power/traffic"
)
_SERVER = re.compile(rf"{POSTGRES_HOST}[2-9]?")
_CABLE = re.compile(
    rf"({_HOST.pattern}|{_SERVER.pattern}):(management|{BMC_NETWORK}|vlan[1-9][0-9]*)"
)
_MANAGER = re.compile(r"manager of (rack[1-9][0-9]*)")
_ROLE = re.compile(r"(primary|secondary) of (vlan[1-9][0-9]*)")
_OWNER = re.compile(r"owner of ([A-Za-z0-9._-]+)")


@frozen(kw_only=True)
class HostTarget:
    """Everything on one host."""

    host: str


@frozen(kw_only=True)
class ProgramTarget:
    """One program."""

    program: str


@frozen(kw_only=True)
class CableTarget:
    """One cable, from a host to the switch of a network."""

    cable: str


@frozen(kw_only=True)
class LeaderTarget:
    """The region process that leads at the time of the deed."""


@frozen(kw_only=True)
class ManagerTarget:
    """The region process that manages a rack at the time of the deed."""

    rack: str


@frozen(kw_only=True)
class RoleTarget:
    """The rack host that is designated for a role of a VLAN at the time of the deed."""

    role: str
    vlan: str


@frozen(kw_only=True)
class OwnerTarget:
    """The rack host that carries out a machine's orders at the time of the deed."""

    machine: str


@frozen(kw_only=True)
class PrimaryTarget:
    """The PostgreSQL server that takes changes at the time of the deed."""


AskedTarget = LeaderTarget | ManagerTarget | RoleTarget | OwnerTarget
"""What only the fleet itself can say."""
Target = HostTarget | ProgramTarget | CableTarget | PrimaryTarget | AskedTarget


def parse_target(text: str) -> Target:
    """Read a target as the operator writes it."""
    words = " ".join(text.split())
    if words == "leader":
        return LeaderTarget()
    if words == f"primary of {POSTGRES_HOST}":
        return PrimaryTarget()
    if managed := _MANAGER.fullmatch(words):
        return ManagerTarget(rack=managed[1])
    if role := _ROLE.fullmatch(words):
        return RoleTarget(role=role[1], vlan=role[2])
    if owner := _OWNER.fullmatch(words):
        return OwnerTarget(machine=owner[1])
    return _parse_part(words, text)


def _parse_part(words: str, text: str) -> Target:
    if _SERVER.fullmatch(words) or _PROGRAM.fullmatch(words):
        return ProgramTarget(program=words)
    if _CABLE.fullmatch(words):
        return CableTarget(cable=words)
    if _HOST.fullmatch(words):
        return HostTarget(host=words)
    raise LabRefused(f'"{text}" is no target; targets are {WORDS}')


def needs_status(target: Target) -> bool:
    """Whether only the fleet's status tells which program is meant."""
    return isinstance(target, AskedTarget)


def resolve(target: Target, fleet: Fleet, status: dict[str, Any] | None) -> list[str]:
    """Give the names of the programs that are meant.

    A role needs the fleet's status, and an owner {"owners": {machine: rack or None}} in it; the
    primary needs {"postgres": its name}.
    """
    if isinstance(target, CableTarget):
        raise LabRefused(f"{target.cable} is a cable: it can be cut and healed")
    if isinstance(target, HostTarget):
        return _programs_of_host(target.host, fleet)
    if isinstance(target, ProgramTarget):
        return [_known_program(target.program, fleet)]
    if isinstance(target, PrimaryTarget):
        return [_known_program(str((status or {})["postgres"]), fleet)]
    return _asked(target, fleet, status or {})


def _asked(target: AskedTarget, fleet: Fleet, status: dict[str, Any]) -> list[str]:
    if isinstance(target, LeaderTarget):
        return [_known_program(_leader(status), fleet)]
    if isinstance(target, ManagerTarget):
        return [_known_program(_manager(target.rack, status), fleet)]
    if isinstance(target, RoleTarget):
        return _programs_of_host(_rack_in_role(target, status), fleet)
    return _programs_of_host(_owner(target.machine, status), fleet)


def resolve_cables(target: Target, fleet: Fleet, status: dict[str, Any] | None) -> list[str]:
    """Give the names of the cables that are meant: one, or all of a host."""
    if fleet.network is None:
        raise LabRefused("this lab has no cables: it was brought up with --no-net")
    if isinstance(target, CableTarget):
        return [_known_cable(target.cable, fleet.network)]
    if isinstance(target, ProgramTarget) and fleet.server(target.program) is None:
        raise LabRefused(f"{target.program} is a program; cables lead to hosts, as in region1")
    programs = resolve(target, fleet, status)
    hosts = dict.fromkeys(fleet.host_of(program).name for program in programs)
    return [cable.name for host in hosts for cable in fleet.network.cables_of(host)]


def _programs_of_host(host: str, fleet: Fleet) -> list[str]:
    # a rack daemon before its DHCP server, which it would start again
    everything = (*fleet.programs(), *fleet.dhcp_servers())
    found = [program.name for program in everything if program.host.name == host]
    if not found:
        raise LabRefused(f"this lab has no host {host}; it has {', '.join(_hosts(fleet))}")
    return found


def _known_cable(name: str, network: NetworkPlan) -> str:
    host = name.partition(":")[0]
    of_host = [cable.name for cable in network.cables_of(host)]
    if name not in of_host:
        known = ", ".join(of_host or network.hosts)
        raise LabRefused(f"this lab has no cable {name}; it has {known}")
    return name


def _hosts(fleet: Fleet) -> list[str]:
    return list(dict.fromkeys(program.host.name for program in fleet.programs()))


def _known_program(name: str, fleet: Fleet) -> str:
    everything = (*fleet.servers, *fleet.programs(), *fleet.dhcp_servers())
    known = [program.name for program in everything]
    if name not in known:
        raise LabRefused(f"this lab has no {name}; it has {', '.join(known)}")
    return name


def _leader(status: dict[str, Any]) -> str:
    leader = status.get("leader")
    if not leader:
        raise LabRefused("nobody leads at this moment; see `evenrack lab status`")
    return str(leader)


def _manager(rack: str, status: dict[str, Any]) -> str:
    for seen in status.get("racks", []):
        if seen["hostname"] == rack:
            if seen["managed_by"]:
                return str(seen["managed_by"])
            raise LabRefused(f"nobody manages {rack} at this moment; see `evenrack lab status`")
    raise LabRefused(f"the regions do not know {rack}; see `evenrack lab status`")


def _owner(machine: str, status: dict[str, Any]) -> str:
    owners = status.get("owners", {})
    if machine not in owners:
        raise LabRefused(f"the regions know no machine {machine}; see `evenrack machine list`")
    if owners[machine] is None:
        raise LabRefused(f"no rack owns the BMC of {machine}; see `evenrack bmc list`")
    return str(owners[machine])


def _rack_in_role(target: RoleTarget, status: dict[str, Any]) -> str:
    for seen in status.get("racks", []):
        if target.vlan in seen[f"vlans_{target.role}"]:
            return str(seen["hostname"])
    raise LabRefused(
        f"no rack is designated {target.role} of {target.vlan}; see `evenrack dhcp status`"
    )
