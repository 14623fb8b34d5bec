"""Which region endpoints a rack dials: one connection to every process, and no second one; pure."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import ProcessId
from evenrack.model.region_endpoints import RegionEndpoints


@frozen(kw_only=True)
class Target:
    """Something to keep one connection to."""

    key: str
    """The process id, or `host:port` of a configured endpoint whose process is not known."""
    addresses: tuple[HostPort, ...]
    """Where to dial, in the order to try."""


def choose_targets(
    configured: Sequence[HostPort],
    known: RegionEndpoints,
    *,
    answered_by: Mapping[HostPort, ProcessId],
    reached: Mapping[str, ProcessId],
) -> tuple[Target, ...]:
    """Give everything that a connection is wanted to.

    `answered_by` remembers which process a configured endpoint led to; `reached` gives the
    process at the other end of each connection that is up, by its target's key.
    """
    dialled = [Target(key=str(e), addresses=(e,)) for e in dict.fromkeys(configured)]
    wanted = [
        target
        for target in dialled
        if target.key in reached or not _covered(target.addresses[0], known, answered_by, reached)
    ]
    through_configured = {reached[target.key] for target in wanted if target.key in reached}
    wanted += [
        Target(key=process, addresses=tuple(known[process]))
        for process in sorted(known)
        if process not in through_configured and known[process]
    ]
    return tuple(wanted)


def _covered(
    endpoint: HostPort,
    known: RegionEndpoints,
    answered_by: Mapping[HostPort, ProcessId],
    reached: Mapping[str, ProcessId],
) -> bool:
    """Tell whether dialling this endpoint could only lead to a process that is dialled anyway."""
    if any(endpoint in addresses for addresses in known.values()):
        return True
    return answered_by.get(endpoint) in set(reached.values())
