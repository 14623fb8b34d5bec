"""The API of one process over its real doors and a real database; without racks and without TLS."""

import http.client
import json
import secrets
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from evenrack.balance.policy import SpreadPolicy
from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.model.host_port import HostPort
from evenrack.region.database.engine import PooledDatabase
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.http.doors import HttpDoors
from evenrack.region.http.pages import ApiSources, make_site
from evenrack.region.leading.balance_plan import PlanPolicies, balance_plan
from evenrack.region.links.connected_racks import ConnectedRacks
from evenrack.region.links.rack_asking import RackAsking
from evenrack.region.sealing import Sealer
from evenrack.region.views.fleet_view import FleetView
from evenrack.runtime.thinking import think_beside
from evenrack.runtime.wall_clock import utc_now
from tests.free_ports import free_tcp_port
from tests.region.processes import ANSWER_SECONDS, Answer, _UnixConnection, eventually

POLICIES = PlanPolicies(managing=SpreadPolicy(), bmc=SpreadPolicy())


def planned_aside(fleet, parts):
    return deferToThread(balance_plan, fleet, parts, POLICIES)


class ApiProcess:
    """One process that answers, and how to ask it."""

    def __init__(self, dsn, folder, tls=None, listen=None, socket_in="."):
        self.socket = folder / socket_in / "regiond-1.sock"
        self.address = listen or HostPort(host="127.0.0.1", port=free_tcp_port())
        self.database = PooledDatabase(dsn, reactor, name="tests")
        self.think = think_beside(reactor)
        self.view = FleetView(self.database, FleetCache(), reactor)
        sealer = Sealer(
            keys=Keys(all=(Key(id="k", content=Secret(b"k" * 32)),)),
            token_bytes=secrets.token_bytes,
        )
        self.site = make_site(
            ApiSources(
                look=self.view.look,
                database=self.database,
                clock=reactor,
                wall_clock=utc_now,
                sealer=sealer,
                token_bytes=secrets.token_bytes,
                endpoints=dict,
                plan_balance=planned_aside,
                ask_leases=RackAsking(ConnectedRacks(), reactor).leases,
                ask_served=RackAsking(ConnectedRacks(), reactor).served,
                think=self._think,
            )
        )
        self.doors = HttpDoors(self.site, reactor, self.socket, self.address, tls=tls)

    async def __call__(self, method, path, body=None, *, token=None, over=None, **headers):
        """Ask over TCP with this token, or over the socket when `over` is that."""
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await deferToThread(self._ask, method, path, body, headers, over == "socket")

    async def locally(self, method, path, body=None, **headers):
        return await self(method, path, body, over="socket", **headers)

    async def token(self, name, role="viewer", days=90):
        """Make a token, and give it."""
        answer = await self.locally(
            "POST", "/api/v1/tokens", {"name": name, "role": role, "days": days}
        )
        assert answer.status == 201, answer.text
        return answer.json["token"]

    async def audit(self):
        return (await self.locally("GET", "/api/v1/audit?limit=1000")).json["audit"]

    async def rows(self, statement):
        def work(connection):
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

        return await self.database.run(work)

    async def _think(self, work):
        return await self.think(work)

    def _ask(self, method, path, body, headers, locally):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        where = self.address
        connection = (
            _UnixConnection(self.socket)
            if locally
            else http.client.HTTPConnection(where.host, where.port, timeout=ANSWER_SECONDS)
        )
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Connection": "close", **kind, **headers})
            response = connection.getresponse()
            answer = Answer(response)
            answer.headers = response.headers
            return answer
        finally:
            connection.close()


@asynccontextmanager
async def api_process(dsn, **how):
    folder = Path(tempfile.mkdtemp(prefix="evenrack-"))  # short: it has a socket in it
    process = ApiProcess(dsn, folder, **how)
    process.view.startService()
    process.doors.startService()
    try:
        yield process
    finally:
        await eventually(lambda: not process.site._trail._waiting)
        await process.doors.stopService()
        await process.view.stopService()
        process.database.close()
        shutil.rmtree(folder)
