"""All targets by name: each is a module with `run(data)`, its `SEEDS`, and `WORDS` to try."""

import importlib
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

BROKE = "broke-"
"""What the names of inputs begin with that once broke a target; they stay."""

TARGETS = (
    "amp_rack",
    "amp_region",
    "csv_lines",
    "dhcp_frames",
    "dhcpd_words",
    "enrolment",
    "http_bodies",
    "interfaces_printed",
    "ipmitool_words",
    "key_files",
    "lease_file",
    "lease_file6",
    "omapi_bytes",
    "rack_plan",
    "rackd_conf",
    "redfish_answers",
    "regiond_conf",
    "rmcp_datagrams",
    "state_file",
)


def load(name):
    """Give a target."""
    return importlib.import_module(f"tests.fuzz.{name}")


def corpus_of(name):
    """Give the committed inputs of a target."""
    return sorted((CORPUS / name).glob("*"))
