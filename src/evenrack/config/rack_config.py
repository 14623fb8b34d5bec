"""What `rackd.conf` says: the settings of a rack daemon."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from evenrack.config.limits import between, controller_name, interval
from evenrack.config.plain_values import TextOrNone
from evenrack.config.quoting import quoted
from evenrack.config.reading import Rule, load_settings
from evenrack.model.host_port import HostPort
from evenrack.model.identifiers import failure_domain_from_text


def _pings_before_silence(ping: float, silence: float) -> Iterator[tuple[str, str]]:
    if silence < 2 * ping:
        yield (
            "silence_seconds",
            f"{silence:g} is less than two pings ({2 * ping:g}): "
            "one late answer would drop a healthy link",
        )


@frozen(kw_only=True)
class RackLiveness:
    """When a link to a region process counts as lost."""

    RULES: ClassVar = (Rule(("ping_seconds", "silence_seconds"), _pings_before_silence),)

    ping_seconds: float = field(default=1.0, validator=interval)
    """Seconds between two pings on a link. Default 1."""

    silence_seconds: float = field(default=3.0, validator=interval)
    """Seconds without an answer after which a link is dropped; at least two pings. Default 3."""


def _at_least_one(_: Any, __: "Attribute[Any]", value: tuple[HostPort, ...]) -> None:
    if not value:
        raise ValueError("names no region; at least one host:port is needed")


def _each_once(regions: tuple[HostPort, ...]) -> Iterator[tuple[str, str]]:
    for index, region in enumerate(regions):
        if region in regions[:index]:
            yield f"regions[{index}]", f"{region} is in this list already"


def _failure_domain(_: Any, __: "Attribute[Any]", value: str) -> None:
    try:
        failure_domain_from_text(value)
    except ValueError as problem:
        raise ValueError(f"{quoted(value)} is none: {problem}") from None


UNIT_STATE_DIR = Path("/var/lib/evenrack/rack")
"""The folder that `evenrack-dhcpd4.service` and `evenrack-dhcpd6.service` name."""


_SHORTEST_PROBE_SECONDS, _LONGEST_PROBE_SECONDS = 30.0, 86400.0


def _never_or_seldom(_: Any, __: "Attribute[Any]", value: float) -> None:
    if value and not _SHORTEST_PROBE_SECONDS <= value <= _LONGEST_PROBE_SECONDS:
        raise ValueError(
            f"{value:g} is neither 0 (never) nor from {_SHORTEST_PROBE_SECONDS:g} "
            f"to {_LONGEST_PROBE_SECONDS:g} seconds"
        )


def _runner(_: Any, __: "Attribute[Any]", value: str) -> None:
    if value not in {"systemd", "child"}:
        raise ValueError(f"{quoted(value)} is neither systemd nor child")


def _is_where_the_unit_looks(runner: str, state_dir: Path) -> Iterator[tuple[str, str]]:
    if runner == "systemd" and state_dir != UNIT_STATE_DIR:
        yield (
            "state_dir",
            f"is {state_dir}, but evenrack-dhcpd4.service serves what is in {UNIT_STATE_DIR}: "
            "leave it there, or say dhcp.runner: child",
        )


@frozen(kw_only=True)
class RackDhcp:
    """How this rack runs its DHCP server."""

    runner: str = field(default="systemd", validator=_runner)
    """Who starts it: systemd, as evenrack-dhcpd4.service and, for IPv6, -dhcpd6; or rackd, as a
    child. Default systemd."""

    binary: Path = Path("/usr/sbin/dhcpd")
    """The program: ISC dhcpd 4.4; the unit names its own. Default /usr/sbin/dhcpd."""

    omapi_port: int = field(default=7911, validator=between(1, 65535))
    """TCP port on which dhcpd is asked for its state, with a key. Default 7911."""

    foreign_probe_seconds: float = field(default=600.0, validator=_never_or_seldom)
    """How often each VLAN is asked which DHCP servers it has; 0: never. Default 600."""


_MOST_AT_ONCE = 1000


@frozen(kw_only=True)
class RackPower:
    """How much this rack does with BMCs at a time."""

    most_sessions: int = field(default=64, validator=between(1, _MOST_AT_ONCE, "sessions"))
    """Sessions of IPMI at a time, each with another BMC; further ones wait; and as
    many conversations of Redfish. Default 64."""

    most_orders: int = field(default=16, validator=between(1, _MOST_AT_ONCE, "conversations"))
    """Conversations with BMCs for orders at a time; further ones wait. Default 16."""

    most_looks: int = field(default=8, validator=between(1, _MOST_AT_ONCE, "conversations"))
    """The same for looks that nobody ordered: the periodic power state. Default 8."""

    probes_per_second: int = field(default=32, validator=between(1, _MOST_AT_ONCE, "probes"))
    """BMCs that are asked in a second whether they are there. Default 32."""


@frozen(kw_only=True)
class RackConfig:
    """Every setting of a rack daemon."""

    RULES: ClassVar = (
        Rule(("regions",), _each_once),
        Rule(("dhcp.runner", "state_dir"), _is_where_the_unit_looks),
    )
    WHEN_MISSING: ClassVar = (
        "name yours with --config, or make one: copy the example etc/rackd.conf of evenrack there "
        "and put the addresses of some region processes into `regions:`"
    )
    RETIRED: ClassVar = {
        "insecure_rpc": "is no longer used: all links to regions have TLS now; remove this line",
    }

    regions: tuple[HostPort, ...] = field(validator=_at_least_one)
    """Region endpoints to start from; the rest are learnt from them. Required."""

    rack_name: str = field(validator=controller_name)
    """Name of this rack. Default: the host's name."""

    failure_domain: TextOrNone = field(default=TextOrNone(""), validator=_failure_domain)
    """What this rack fails together with, such as a room or a feed. Default: none, it is alone."""

    secret_file: Path = Path("/etc/evenrack/enrolment")
    """File with the enrolment secret, read once, by register. Default /etc/evenrack/enrolment."""

    state_dir: Path = UNIT_STATE_DIR
    """Folder for what must outlive a restart. Default /var/lib/evenrack/rack."""

    liveness: RackLiveness = RackLiveness()
    """When a link counts as lost."""

    dhcp: RackDhcp = RackDhcp()
    """The DHCP server."""

    power: RackPower = RackPower()
    """How much is done with BMCs at a time."""


def load_rack_config(path: Path, *, hostname: Callable[[], str] = socket.gethostname) -> RackConfig:
    """Read `rackd.conf`; raise ConfigurationRefused with every problem."""
    return load_settings(path, RackConfig, defaults={"rack_name": hostname()})
