"""What `regiond.conf` says: the settings of a region host, the same for all its processes."""

import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from evenrack.config.limits import between, controller_name, interval, unless_off, wait
from evenrack.config.quoting import quoted
from evenrack.config.reading import Rule, load_settings
from evenrack.model.host_port import (
    HIGHEST_PORT,
    LOWEST_PORT,
    HostPort,
    address_of,
    canonical_host,
)

MOST_PROCESSES = 99
"""Region processes on one host are numbered 1 to this; each has the RPC port of its number."""

LONGEST_POLL_SECONDS = 86_400
MOST_DAYS = 36_500
"""A hundred years: as good as for ever."""

LEAST_EVIDENCE = 60
"""Seconds of silence that may mean more than a restart. Less is for labs, and warned of."""

LONGEST_EVIDENCE = 7 * 24 * 3600
"""A week of silence."""

LONGEST_SOCKET_PATH = 107
"""Linux allows a Unix socket 108 bytes of path, the last of them zero."""


def _listen_address(_: Any, __: "Attribute[Any]", value: str) -> None:
    if address_of(value) is None:
        raise ValueError(
            f"{quoted(value)} is not an address of this host, such as 127.0.0.1 or ::1; "
            "0.0.0.0 or :: are all of them"
        )


def _listen_endpoint(_: Any, __: "Attribute[Any]", value: HostPort) -> None:
    _listen_address(_, __, value.host)


def _short_enough_for_sockets(_: Any, __: "Attribute[Any]", value: Path) -> None:
    length = len(os.fsencode(_administration_socket(value, MOST_PROCESSES)))
    if length > LONGEST_SOCKET_PATH:
        raise ValueError(
            f"is {length - LONGEST_SOCKET_PATH} bytes too long: sockets are made in this folder, "
            f"and the path of one has at most {LONGEST_SOCKET_PATH}"
        )


def _administration_socket(run_dir: Path, instance: int) -> Path:
    return run_dir / f"regiond-{instance}.sock"


def _advertised_can_be_dialled(
    listen: str, advertise: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if not advertise and ip_address(listen).is_unspecified:
        yield (
            "advertise",
            f"is required when listen is {listen}: name the addresses that racks shall dial",
        )
    for index, host in enumerate(advertise):
        setting = f"advertise[{index}]"
        try:
            address = address_of(canonical_host(host))
        except ValueError as error:
            yield setting, f"{error}; write it without brackets and port"
            continue
        if address is not None and address.is_unspecified:
            yield setting, f"{host} is no address that a rack can dial"
        if host in advertise[:index]:
            yield setting, f"{host} is in this list already"


@frozen(kw_only=True)
class RpcSettings:
    """Where the region processes of this host listen for racks."""

    RULES: ClassVar = (Rule(("listen", "advertise"), _advertised_can_be_dialled),)

    listen: str = field(default="127.0.0.1", validator=_listen_address)
    """IP address to listen on. Default 127.0.0.1."""

    port: int = field(
        default=5250,
        validator=between(
            LOWEST_PORT,
            HIGHEST_PORT - MOST_PROCESSES,
            reason="process 1 listens on the port after this one, process 2 on the next, and so on",
        ),
    )
    """TCP port before the first: process n listens on port + n. Default 5250."""

    advertise: tuple[str, ...] = ()
    """Host names or addresses, without port, that racks are told to dial. Default: listen."""

    def port_of(self, instance: int) -> int:
        """Give the port of one process; raise ValueError for a number that none can have."""
        if not 1 <= instance <= MOST_PROCESSES:
            raise ValueError(f"{instance} is no process number: they go from 1 to {MOST_PROCESSES}")
        return self.port + instance

    def endpoints_of(self, instance: int) -> tuple[HostPort, ...]:
        """Give the addresses that racks are told for one process, in the order to try."""
        port = self.port_of(instance)
        return tuple(HostPort(host=host, port=port) for host in self.advertise or (self.listen,))


@frozen(kw_only=True)
class HttpSettings:
    """Where one process of this host answers HTTP."""

    listen: HostPort = field(
        default=HostPort(host="127.0.0.1", port=5240), validator=_listen_endpoint
    )
    """Address and port, TLS and tokens; 0.0.0.0 is every address. Default 127.0.0.1:5240."""


def _beats_before_death(beat: float, dead_after: float) -> Iterator[tuple[str, str]]:
    if dead_after < 2 * beat:
        yield (
            "dead_after_seconds",
            f"{dead_after:g} is less than two beats ({2 * beat:g}): "
            "one late beat would declare a healthy process dead",
        )


def _lease_outlives_silence(silence: float, lease: float) -> Iterator[tuple[str, str]]:
    if lease <= silence:
        yield (
            "lease_seconds",
            f"{lease:g} must be more than silence_seconds ({silence:g}): "
            "a rack would drop its power orders while its link still counts as alive",
        )


@frozen(kw_only=True)
class RegionLiveness:
    """When a process or a link counts as lost. Give every region host the same values."""

    RULES: ClassVar = (
        Rule(("beat_seconds", "dead_after_seconds"), _beats_before_death),
        Rule(("silence_seconds", "lease_seconds"), _lease_outlives_silence),
    )

    beat_seconds: float = field(default=1.0, validator=interval)
    """Seconds between two beats of a process. Default 1."""

    dead_after_seconds: float = field(default=3.0, validator=interval)
    """Seconds with the same beat after which a process is dead; at least two beats. Default 3."""

    silence_seconds: float = field(default=3.0, validator=interval)
    """Seconds without a word from a rack after which its link is dropped. Default 3."""

    lease_seconds: float = field(default=5.0, validator=interval)
    """Seconds for which a rack may carry out orders after an answer. Default 5."""


@frozen(kw_only=True)
class ManagingBalance:
    """How uneven managing may be before a rack is moved to another process."""

    theta: float = field(default=0.10, validator=between(0, 1))
    """Share of a process's load by which another may be higher. Default 0.10."""

    gap: int = field(
        default=2,
        validator=between(2, 1000, "racks", reason="moving across a gap of 1 only swaps the sides"),
    )
    """Racks by which another process must be higher, at least 2. Default 2."""


@frozen(kw_only=True)
class BmcBalance:
    """How uneven the ownership of BMCs may be, and when a lost rack's are given to others."""

    theta: float = field(default=0.25, validator=between(0, 1))
    """Share of a rack's load by which another may be higher. Default 0.25."""

    gap: int = field(
        default=2,
        validator=between(2, 1000, "BMCs", reason="moving across a gap of 1 only swaps the sides"),
    )
    """BMCs by which another rack must be higher, at least 2. Default 2."""

    hold_down: float = field(default=15.0, validator=wait)
    """Seconds that a rack must be lost before its BMCs are another's. Default 15."""


@frozen(kw_only=True)
class DhcpBalance:
    """When the racks that serve a VLAN change."""

    hold_down: float = field(default=30.0, validator=wait)
    """Seconds that a rack must be lost before its DHCP roles are another's. Default 30."""

    defer_while_alone: float = field(default=600.0, validator=wait)
    """Seconds that changes of a server wait while the other one of a pair is away. Default 600."""

    auto_partner_down: float | None = field(
        default=600.0,
        validator=unless_off(
            between(5, LONGEST_EVIDENCE, "seconds", reason="a host that restarts is silent, too")
        ),
    )
    """Seconds of evidence that a server is dead before the other one takes over all of its
    addresses, at least 60 but in a lab; None (off): only when an operator says so. Default 600."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what may be so, and is good for a lab only."""
        seconds = self.auto_partner_down
        if seconds is None or seconds >= LEAST_EVIDENCE:
            return ()
        return (
            f"balance.dhcp.auto_partner_down: within {seconds:g} s no host has restarted, so one "
            f"that only restarts is called dead; set {LEAST_EVIDENCE} or more, but in a lab",
        )


@frozen(kw_only=True)
class BalanceSettings:
    """When and how far load is evened out. Give every region host the same values."""

    managing: ManagingBalance = ManagingBalance()
    """Which process manages a rack."""

    bmc: BmcBalance = BmcBalance()
    """Which rack carries out the orders of a BMC."""

    dhcp: DhcpBalance = DhcpBalance()
    """Which racks serve a VLAN."""

    quiet: float = field(default=1.0, validator=wait)
    """Seconds without an event before a voluntary move. Default 1."""

    grace: float = field(default=0.25, validator=wait)
    """Seconds that a new rack waits for its next link before it gets a manager. Default 0.25.

    Four times as long at most; not at all once it has a link to each process.
    """


@frozen(kw_only=True)
class AuditSettings:
    """How long it is known who asked for what."""

    keep_days: int = field(default=400, validator=between(1, MOST_DAYS, "days"))
    """Days after which a row of the audit log is removed. Default 400."""


@frozen(kw_only=True)
class RegionConfig:
    """Every setting of a region host."""

    WHEN_MISSING: ClassVar = (
        "name yours with --config, or make one: copy the example etc/regiond.conf of evenrack "
        "there and say in `database:` how PostgreSQL is reached"
    )
    RETIRED: ClassVar = {
        "secret_file": "is no longer used: racks enrol now (evenrack enrolment create); remove "
        "this line, and if the keys are not in /etc/evenrack/keys, name their file with key_file",
        "insecure_rpc": "is no longer used: all links to racks have TLS now; remove this line",
    }

    database: str = field(repr=False)
    """libpq connection string or URI of PostgreSQL; may hold a password. Required."""

    region_name: str = field(validator=controller_name)
    """Name of this region host, unlike all others. Default: the host's name."""

    key_file: Path = Path("/etc/evenrack/keys")
    """File with the keys of the secrets in the database. Default /etc/evenrack/keys."""

    state_dir: Path = Path("/var/lib/evenrack/region")
    """Folder for what must outlive a restart. Default /var/lib/evenrack/region."""

    run_dir: Path = field(default=Path("/run/evenrack"), validator=_short_enough_for_sockets)
    """Folder for the administration sockets. Default /run/evenrack."""

    rpc: RpcSettings = RpcSettings()
    """Where racks connect."""

    http: HttpSettings = HttpSettings()
    """Where the command line of other users and programs connect."""

    liveness: RegionLiveness = RegionLiveness()
    """When something counts as lost."""

    balance: BalanceSettings = BalanceSettings()
    """When something is moved."""

    power_poll_seconds: float = field(
        default=300.0, validator=between(10, LONGEST_POLL_SECONDS, "seconds")
    )
    """Seconds after which a machine's power state is asked for again. Give every region host the
    same value. Default 300."""

    power_polls_of_rack: int = field(default=8, validator=between(1, 1000, "BMCs"))
    """BMCs that one rack is asked about at a time for that; `power.most_looks` of its rackd.conf
    has to be as many. Give every region host the same value. Default 8."""

    audit: AuditSettings = AuditSettings()
    """How long the audit log is kept. Give every region host the same value."""

    def administration_socket(self, instance: int) -> Path:
        """Give the Unix socket on which one process answers this host's administrator."""
        return _administration_socket(self.run_dir, instance)


def load_region_config(
    path: Path, *, hostname: Callable[[], str] = socket.gethostname
) -> RegionConfig:
    """Read `regiond.conf`; raise ConfigurationRefused with every problem."""
    return load_settings(path, RegionConfig, defaults={"region_name": hostname()})
