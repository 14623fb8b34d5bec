"""Identifier types, so that a rack's id can never stand where a process's is meant."""

import re
from collections.abc import Callable
from typing import NewType

RackId = NewType("RackId", str)
"""Eight lower-case letters or digits, given by a region when the rack enrols, and kept."""

RegionId = NewType("RegionId", str)
"""A region host: its `region_name`."""

ProcessId = NewType("ProcessId", str)
"""A region process as people write it: `region1/2` is instance 2 on region1."""

LinkId = NewType("LinkId", str)
"""One live connection of a rack to a region process; made by the region, never used twice."""

RunId = NewType("RunId", str)
"""One run of a rack daemon from its start to its end; random."""

VlanId = NewType("VlanId", int)
SubnetId = NewType("SubnetId", int)
RangeId = NewType("RangeId", int)
ReservationId = NewType("ReservationId", int)
SnippetId = NewType("SnippetId", int)
"""What DHCP serves is numbered by the database."""

BmcId = NewType("BmcId", int)
MachineId = NewType("MachineId", int)
OrderId = NewType("OrderId", int)
"""BMCs, machines and power orders are numbered by the database."""


RACK_ID = re.compile(r"[a-z0-9]{8}")
RACK_ID_CHARACTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Thirty-two (Crockford's) that are not mistaken for each other, so that five bits choose one."""

MOST_NAME_CHARACTERS = 253
MOST_TOKEN_CHARACTERS = 64
MOST_DOMAIN_CHARACTERS = 64


def rack_id_from_text(text: str) -> RackId:
    """Read a rack's id; ValueError for anything else."""
    if RACK_ID.fullmatch(text) is None:
        raise ValueError("a rack's id has eight lower-case letters or digits")
    return RackId(text)


def new_rack_id(token_bytes: Callable[[int], bytes]) -> RackId:
    """Draw an id for a new rack from this many random bytes."""
    return RackId("".join(RACK_ID_CHARACTERS[byte % 32] for byte in token_bytes(8)))


def host_name_from_text(text: str) -> str:
    """Read the name by which a host is shown; ValueError when it cannot be shown."""
    if not 0 < len(text) <= MOST_NAME_CHARACTERS or not text.isprintable():
        raise ValueError(f"a host name has 1 to {MOST_NAME_CHARACTERS} printable characters")
    return text


def failure_domain_from_text(text: str) -> str:
    """Read the name of a failure domain, empty for none; ValueError when it cannot be shown."""
    if len(text) > MOST_DOMAIN_CHARACTERS or not text.isprintable() or text != text.strip():
        raise ValueError(
            f"a failure domain has at most {MOST_DOMAIN_CHARACTERS} printable characters, and no "
            "space around them"
        )
    return text


def token_from_text(text: str) -> str:
    """Read a short random name (a run, a link, a fingerprint); ValueError when it is none."""
    if len(text) > MOST_TOKEN_CHARACTERS or not text.isascii() or not text.isprintable():
        raise ValueError(f"at most {MOST_TOKEN_CHARACTERS} printable ASCII characters")
    return text


def process_id(region: RegionId, instance: int) -> ProcessId:
    """Name the process with this instance number on this region host."""
    return ProcessId(f"{region}/{instance}")


def region_of(process: ProcessId) -> RegionId:
    """Name the host of a process: `region1` for `region1/2`."""
    return RegionId(process.rpartition("/")[0])
