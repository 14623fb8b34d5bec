"""The real dhcpd, asked what it thinks of a file."""

import os
import shutil

import pytest

from evenrack.runtime.child_process import run_program

DHCPD = shutil.which("dhcpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SECONDS = 60


def needs_dhcpd(test):
    """Mark a test that starts dhcpd; skipped where there is none."""
    missing = pytest.mark.skipif(DHCPD is None, reason="dhcpd is missing: isc-dhcp-server")
    return pytest.mark.dhcpd(missing(test))


def check_with_dhcpd(text, folder, family="-4"):
    """Let `dhcpd -t` read the text as its file: ProgramFailed with its words when it refuses."""
    conf, leases = folder / "dhcpd.conf", folder / "dhcpd.leases"
    conf.write_text(text)
    leases.touch()
    run_program([DHCPD, "-t", family, "-cf", str(conf), "-lf", str(leases)], seconds=SECONDS)
