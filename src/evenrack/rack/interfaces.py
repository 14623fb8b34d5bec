"""The addresses of this host's interfaces: they say which VLANs and BMCs are next to the rack."""

import json
import shlex
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypeVar

from evenrack.errors import ProgramFailed
from evenrack.model.interface_list import Interface
from evenrack.runtime.spawned import Ended

COMMAND: Final = ("ip", "-j", "addr")
_NOT_YET_OR_NO_LONGER: Final = ("tentative", "dadfailed", "deprecated")
_MOST_SHOWN = 200

Read = TypeVar("Read")
Run = Callable[[Sequence[str]], Awaitable[Ended]]
"""Runs a program to its end."""


async def read_interfaces(run: Run) -> tuple[Interface, ...]:
    """Ask the kernel, by ip(8), for the IPv4 addresses of the interfaces that are up.

    ProgramFailed when ip fails, or prints what cannot be read.
    """
    return await _read(run, interfaces_printed)


async def read_networks(run: Run) -> tuple[IPv4Network | IPv6Network, ...]:
    """Ask it for the networks of both families in which they are; ProgramFailed as above."""
    return await _read(run, networks_printed)


async def _read(run: Run, read: Callable[[bytes], Read]) -> Read:
    ended = await run(COMMAND)
    if ended.code != 0:
        words = ended.errors.decode(errors="replace").strip()
        raise ProgramFailed(shlex.join(COMMAND), f"ended with exit code {ended.code}", words)
    try:
        return read(ended.output)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        shown = ended.output[:_MOST_SHOWN].decode(errors="replace")
        raise ProgramFailed(
            shlex.join(COMMAND), f"printed what cannot be read ({problem})", shown
        ) from problem


def names_with(interfaces: Iterable[Interface], addresses: Collection[IPv4Address]) -> list[str]:
    """Name the interfaces that have one of these addresses, sorted."""
    return sorted({it.name for it in interfaces if it.address.ip in addresses})


def interfaces_printed(printed: bytes) -> tuple[Interface, ...]:
    """Read what `ip -j addr` prints: every global IPv4 address of an interface that is up, sorted.

    Up is what the administrator set it to be: an interface whose cable is cut, or whose other end
    is down, is listed (`NO-CARRIER`; its `operstate` is DOWN or LOWERLAYERDOWN). The rack is still
    attached to its VLANs; a cable that is cut must not change who serves what. Left out are
    loopback interfaces, link-local addresses (RFC 3927), and addresses that are not to be used
    yet or any longer.
    """
    return tuple(sorted({found for link in _links(printed) for found in _usable(link)}))


def networks_printed(printed: bytes) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read which networks of both families the same interfaces are in, each once."""
    found = {
        ip_network((entry["local"], entry["prefixlen"]), strict=False)
        for link in _links(printed)
        for entry in _entries(link, "inet", "inet6")
    }
    return tuple(sorted(found, key=lambda network: (network.version, network.network_address)))


def _links(printed: bytes) -> list[Any]:
    links = json.loads(printed)
    if not isinstance(links, list):
        raise TypeError("it is no list of interfaces")
    return [link for link in links if link]


def _usable(link: Any) -> Iterator[Interface]:
    for entry in _entries(link, "inet"):
        address = IPv4Address(entry["local"])
        if not address.is_link_local:
            with_prefix = IPv4Interface((address, entry["prefixlen"]))
            yield Interface(name=_text(link["ifname"]), address=with_prefix)


def _entries(link: Any, *families: str) -> Iterator[Any]:
    """Give the addresses of an interface that are to be used anywhere."""
    flags = link["flags"]
    if "UP" not in flags or "LOOPBACK" in flags:
        return
    for entry in link["addr_info"]:
        if not entry or entry["family"] not in families or entry["scope"] != "global":
            continue
        if not any(entry.get(mark) for mark in _NOT_YET_OR_NO_LONGER):
            yield entry


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no interface's name")
    return name
