"""Where each region process can be dialled, as the regions tell the racks."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from evenrack.model.host_port import HostPort, parse_host_port
from evenrack.model.identifiers import ProcessId

RegionEndpoints = Mapping[ProcessId, tuple[HostPort, ...]]
"""Every region process that is wanted, each with its addresses in the order to try."""

MOST_PROCESSES = 1_000
MOST_ADDRESSES = 16


def endpoints_to_json(endpoints: RegionEndpoints) -> dict[str, list[str]]:
    """Give the form on the wire and on the rack's disk."""
    return {
        process: [str(address) for address in endpoints[process]] for process in sorted(endpoints)
    }


def endpoints_from_json(form: Any) -> dict[ProcessId, tuple[HostPort, ...]]:
    """Read the form; ValueError when it is not one or is unreasonably large."""
    if not isinstance(form, dict) or len(form) > MOST_PROCESSES:
        raise ValueError(f"endpoints are an object of at most {MOST_PROCESSES} processes")
    return {ProcessId(process): _addresses(process, texts) for process, texts in form.items()}


def _addresses(process: Any, texts: Any) -> tuple[HostPort, ...]:
    if not isinstance(process, str) or not isinstance(texts, list) or len(texts) > MOST_ADDRESSES:
        raise ValueError(f"{process}: a list of at most {MOST_ADDRESSES} addresses is needed")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{process}: addresses are texts")
    return tuple(parse_host_port(text) for text in texts)


def endpoints_fingerprint(endpoints: RegionEndpoints) -> str:
    """Name this set of endpoints; another set has another name."""
    text = json.dumps(endpoints_to_json(endpoints), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
