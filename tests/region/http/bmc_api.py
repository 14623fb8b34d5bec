"""The API of a region process with a key file, and one that has BMCs and machines."""

import base64
import contextlib

from attrs import evolve

from tests.region.http.inventory_api import Api, changed_by_requests
from tests.region.processes import eventually, fleet_on

CLEAR = "SESAME öpen"
KEY = b"k" * 32
BMC = {
    "name": "b1",
    "driver": "ipmitool",
    "address": "10.9.0.1",
    "user": "admin",
    "password": CLEAR,
}


class KeptApi(Api):
    """An API that remembers every answer, with its headers."""

    def __init__(self, region):
        super().__init__(region)
        self.answers = []

    async def __call__(self, method, path, body=None, **headers):
        answer = await super().__call__(method, path, body, **headers)
        self.answers.append(f"{answer.headers}{answer.text}")
        return answer

    async def everything(self):
        """Give all that requests change; other events come when their time has come."""
        nouns = ("bmcs", "machines", "events?after=0")
        return changed_by_requests([(await self("GET", f"/api/v1/{noun}")).json for noun in nouns])


def start_with_keys(fleet, host="region1", key_id="k", content=KEY):
    config = fleet.region_config(host)
    path = fleet.folder / f"{host}.keys"
    path.write_text(f"{key_id}:{base64.b64encode(content).decode()}\n")
    path.chmod(0o600)
    fleet._hosts[host] = evolve(config, key_file=path)
    return fleet.start_region(host)


@contextlib.asynccontextmanager
async def served(dsn):
    """A region process that has joined, with b1 that switches m1, and b2."""
    async with fleet_on(dsn) as fleet:
        region = start_with_keys(fleet)
        await eventually(fleet.has_leader)
        api = KeptApi(region)
        for noun, body in (
            ("bmcs", BMC),
            ("bmcs", {**BMC, "name": "b2", "address": "10.9.0.2", "cipher_suite": 3}),
            ("machines", {"name": "m1", "bmc": "b1"}),
        ):
            assert (await api("POST", f"/api/v1/{noun}", body)).status == 201
        yield api
