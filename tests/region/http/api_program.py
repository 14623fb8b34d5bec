"""A program: the API of one process on loopback, for tests that look at it from outside.

It prints one line of JSON (address, socket and a token of each role), and ends with its standard
input. What limits requests per second is off: the tests ask as fast as they can.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from evenrack.region.database.token_store import ROLES
from evenrack.region.http.database_door import DatabaseDoor
from evenrack.region.http.rate_limit import Rate, RateLimit
from evenrack.region.views.fleet_view import FleetView
from tests.region.http.api_process import api_process
from tests.region.processes import PATIENT_SECONDS

PAGE_BYTES = resource.getpagesize()
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
UNLIMITED = Rate(per_second=1e9, burst=10**9)
BMC = {"driver": "ipmitool", "user": "u", "password": "p"}
THERE_IS = (
    ("vlans", {"name": "vlan1", "vid": 1, "dhcp_on": True}),
    ("vlans", {"name": "vlan2"}),
    ("subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}),
    ("ranges", {"first": "10.0.0.100", "last": "10.0.0.199"}),
    ("reservations", {"mac": "52:54:00:12:34:56", "address": "10.0.0.3", "hostname": "h"}),
    ("bmcs", {"name": "b1", "address": "10.9.0.1", **BMC}),
    ("machines", {"name": "m1", "bmc": "b1"}),
    ("bmcs", {"name": "b2", "address": "10.9.0.2", "cipher_suite": 17, **BMC}),
    ("machines", {"name": "m2", "bmc": "b2"}),
    ("orders", {"machines": ["m1"], "action": "query"}),
)
"""One object of each kind, and a few that can be deleted."""


@attrs.frozen(kw_only=True)
class Program:
    """The program, as it runs."""

    pid: int
    url: str
    tokens: dict

    @property
    def memory(self):
        """Bytes of memory that it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    @property
    def worked(self):
        """Seconds of a processor that it has had until now."""
        numbers = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / TICKS_A_SECOND


@contextmanager
def api_program(dsn):
    """Run it."""
    command = [sys.executable, "-m", __name__, dsn]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:  # noqa: S603  our own
        try:
            yield Program(pid=program.pid, **json.loads(program.stdout.readline()))
            assert program.poll() is None, "it ended by itself"
        finally:
            program.stdin.close()
            assert program.wait(PATIENT_SECONDS) == 0


async def serve(dsn):
    for who in (DatabaseDoor, FleetView):  # as all tests of regions have it
        who.answer_seconds = PATIENT_SECONDS
    async with api_process(dsn) as api:
        limits = RateLimit(UNLIMITED)
        api.site._gate._failures = api.site._gate._requests = limits
        for noun, body in THERE_IS:
            answer = await api.locally("POST", f"/api/v1/{noun}", body)
            assert answer.status == 201, answer.text
        tokens = {role: await api.token(role, role) for role in ROLES}
        url = f"http://{api.address.host}:{api.address.port}"
        print(json.dumps({"url": url, "tokens": tokens}), flush=True)  # noqa: T201
        ended = Deferred()

        def wait():
            sys.stdin.read()
            reactor.callFromThread(ended.callback, None)

        threading.Thread(target=wait, daemon=True).start()
        await ended


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it says when to end

    async def whole():
        try:
            await serve(sys.argv[1])
        finally:
            reactor.stop()

    failures = []
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(whole()).addErrback(failures.append))
    reactor.run()
    for failure in failures:
        failure.printTraceback()
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
