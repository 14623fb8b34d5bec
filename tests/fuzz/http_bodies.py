"""Whatever is sent as the body of a change, or as a whole request: an answer that is no bug.

The pages are the real ones, and who asks may do everything; there is no database, so a body that
is all right is answered with 503. The first byte says which page; from 0xc0 on the rest is not the
body but all that comes over the connection.
"""

import json

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.errors import DatabaseUnreachable
from evenrack.region.http.asker import Asker
from evenrack.region.http.gate import Gate
from evenrack.region.http.json_pages import HttpProblem
from evenrack.region.http.pages import ApiSources, make_site
from evenrack.region.sealing import Sealer
from evenrack.runtime.wall_clock import utc_now

PAGES = (
    ("POST", "vlans", {"name": "vlan1", "vid": 1, "dhcp_on": True}),
    ("POST", "subnets", {"vlan": "vlan1", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}),
    ("POST", "ranges", {"subnet": "10.0.0.0/24", "first": "10.0.0.1", "last": "10.0.0.9"}),
    ("POST", "reservations", {"mac": "52:54:00:12:34:56", "address": "10.0.0.3"}),
    (
        "POST",
        "bmcs",
        {"name": "b1", "driver": "ipmitool", "address": "1.2.3.4", "user": "u", "password": "p"},
    ),
    ("POST", "machines", {"name": "m1", "bmc": "b1"}),
    ("POST", "orders", {"machines": ["m1"], "action": "on"}),
    ("POST", "enrolments", {"name": "rack7", "uses": 1, "minutes": 60}),
    ("POST", "tokens", {"name": "ci", "role": "viewer", "days": 90}),
    ("POST", "authorities", {}),
    ("POST", "authorities/4f2a", {"without_them": True}),
    ("POST", "keys/k", {}),
    ("PATCH", "vlans/vlan1", {"vid": None, "lease_seconds": 600}),
    ("PATCH", "subnets/1", {"dns_servers": ["10.0.0.1"], "ntp_servers": [], "domain": "a.b"}),
    ("PATCH", "ranges/1", {"last": "10.0.0.9"}),
    ("PATCH", "reservations/1", {"hostname": "h"}),
    ("PATCH", "bmcs/b1", {"password": "word", "port": 623, "cipher_suite": 17}),
    ("PATCH", "machines/m1", {"bmc": 1}),
    ("PATCH", "vlans/vlan1", {"next_server": "rack", "boot_bios": "a", "boot_ipxe": "http://x"}),
    ("PATCH", "vlans/vlan1", {"mtu": 9000, "max_lease_seconds": None}),
)
RAW = 0xC0

SEEDS = (
    *(bytes([n]) + json.dumps(body).encode() for n, (_, _, body) in enumerate(PAGES)),
    b"\xc0GET /api/v1/problems HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\xc0POST /api/v1/vlans?x=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    b"\xc0GET /api/v1/audit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer evr_abc\r\n\r\n",
    b'\xc0DELETE /api/v1/bmcs/b1 HTTP/1.1\r\nHost: a\r\nIf-Match: "1.7"\r\n\r\n',
)
WORDS = [
    *sorted({name.encode() for _, _, body in PAGES for name in body}),
    *(b"null", b"true", b"1e999", b"\\u0000", b"\\ud800", b'"', b"[", b"{", b"/api/v1/"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked", b"Authorization: Bearer ", b"Host: a"),
    *(b"\r\n", b"%00", b"\xff"),
]


class NoDatabase:
    """PostgreSQL is away."""

    async def run(self, work):
        raise DatabaseUnreachable("away")

    read = run


class OpenGate(Gate):
    """Lets everybody in, after having looked at who it is as always."""

    async def identify(self, request, needed):
        try:
            await super().identify(request, needed)
        except (DatabaseUnreachable, HttpProblem) as refusal:
            if getattr(refusal, "code", "") == "TokenInAddress":
                raise
        return Asker(who="fuzzer", role="admin", source="fuzzer")


async def _no_look():
    raise DatabaseUnreachable("away")


async def _no_plan(_fleet, _parts):
    raise AssertionError("planned without a fleet")


async def _think_here(work):
    return work()


def _site(clock):
    database = NoDatabase()
    keys = Keys(all=(Key(id="k", content=Secret(b"k" * 32)),))
    site = make_site(
        ApiSources(
            look=_no_look,
            database=database,
            clock=clock,
            wall_clock=utc_now,
            sealer=Sealer(keys=keys, token_bytes=bytes),
            token_bytes=bytes,
            endpoints=dict,
            plan_balance=_no_plan,
            ask_leases=_no_plan,
            ask_served=_no_plan,
            think=_think_here,
        )
    )
    site._gate = OpenGate(site._gate._door, clock)
    return site


def run(data):
    """It is answered, the connection ends, and no answer says that there is a bug."""
    clock = Clock()
    site = _site(clock)
    site.startFactory()
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1))
    transport.abortConnection = transport.loseConnection
    channel = site.buildProtocol(None)
    channel.makeConnection(transport)
    channel.dataReceived(_request(data))
    answer = transport.value()
    channel.connectionLost(None)
    clock.advance(100)
    site.stopFactory()
    if answer.startswith(b"HTTP/1.1 500"):
        raise AssertionError(f"a bug was found: {answer!r}")
    if data and data[0] < RAW and not answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 503")):
        raise AssertionError(f"answered without a database: {answer!r}")


def _request(data):
    if not data:
        return b"\r\n"
    if data[0] >= RAW:
        return data[1:]
    method, path, _ = PAGES[data[0] % len(PAGES)]
    body = data[1:]
    head = (
        f"{method} /api/v1/{path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
