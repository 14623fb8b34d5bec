"""The OMAPI key stands in one file that nobody else can read, and nowhere else."""

import base64
import stat
from pathlib import Path

import pytest
from twisted.logger import eventAsJSON, globalLogPublisher

from evenrack.errors import ProgramFailed
from tests.rack.dhcp.dhcpd_program import DHCPD
from tests.rack.dhcp.two_racks import CABLE, KEY

pytestmark = [pytest.mark.dhcpd, pytest.mark.deadline(180)]

FORMS = (KEY.encode(), base64.b64decode(KEY), base64.b64decode(KEY).hex().encode())
WATCHED = f"""#!/bin/sh
for what in cmdline environ; do cat /proc/$$/$what >> "$0.told"; done
exec {DHCPD} "$@"
"""


@pytest.fixture
def rack(racks):
    return racks[0]


@pytest.fixture
def logged():
    """Give all that is logged, as JSON."""
    lines = []

    def observe(event):
        lines.append(eventAsJSON(event).encode())

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def shows_the_key(content):
    return any(form in content for form in FORMS)


def seen_by_others(pid, watched):
    """What any user of the host may read of dhcpd and of those that were started before."""
    of_dhcpd = [Path("/proc", str(pid), name).read_bytes() for name in ("cmdline", "environ")]
    of_all = Path(f"{watched}.told").read_bytes()
    assert b"dhcpd.conf" in of_dhcpd[0]
    assert of_all.count(b"PATH=") == 4  # a check, a start, one that failed, what was before
    return b"".join([*of_dhcpd, of_all])


def modes_of_holders(folder):
    holders = [path for path in folder.rglob("*") if shows_the_key(path.read_bytes())]
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *holders)}


async def test_the_key_is_in_the_configuration_and_nowhere_else(rack, tmp_path, logged):
    watched = tmp_path / "watched"
    watched.write_text(WATCHED)
    watched.chmod(0o755)
    program = rack.program(str(watched))
    await program.check(rack.text("alone"))
    await program.restart(rack.text("alone"), [CABLE])
    with pytest.raises(ProgramFailed) as failed:
        await program.restart(rack.text("alone", more="foo bar;\n"), [CABLE])
    assert "foo bar" in str(failed.value)
    assert not shows_the_key(seen_by_others(rack.pid(), watched))
    assert not shows_the_key(str(failed.value).encode() + b"".join(logged))
    assert modes_of_holders(rack.folder) == {rack.folder.name: 0o700, "dhcpd.conf": 0o600}
