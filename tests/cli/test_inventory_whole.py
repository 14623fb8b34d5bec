"""The commands and a real region process: what an operator types, from nothing to a served VLAN."""

import json

import pytest
from twisted.internet.threads import deferToThread

from evenrack.cli.main import run
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


async def test_a_vlan_is_made_filled_changed_and_deleted(database_dsn, surroundings, capsys):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(fleet.has_leader)
        socket = str(fleet.regions["region1/1"].socket)

        async def call(*words):
            code = await deferToThread(run, ["--socket", socket, *words], surroundings)
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        for line in (
            "vlan create vlan1 --vid 1 --dhcp-on --mclt 300",
            "subnet create 10.0.0.0/24 --vlan vlan1 --gateway 10.0.0.1 --dns 192.0.2.1",
            "range create --subnet 10.0.0.0/24 10.0.0.100 10.0.0.199",
            "reservation create 52-54-00-12-34-56 10.0.0.20 --hostname node7",
            "reservation set 52:54:00:12:34:56 --address 10.0.0.21",
            "subnet set 10.0.0.0/24 --no-dns",
            "vlan set vlan1 --name storage",
        ):
            code, _, told = await call(*line.split())
            assert (line, code) == (line, 0)
            assert "; next: evenrack " in told
        shown = json.loads((await call("vlan", "show", "storage", "--json"))[1])
        assert (shown["vid"], shown["mclt"], shown["subnets"][0]["dns_servers"]) == (1, 300, [])
        kept = json.loads((await call("reservation", "list", "--vlan", "storage", "--json"))[1])
        assert [(each["mac"], each["address"]) for each in kept] == [
            ("52:54:00:12:34:56", "10.0.0.21")
        ]
        code, _, told = await call("range", "create", "10.0.0.1", "10.0.0.30")
        assert code == 1
        assert told.startswith("evenrack: FieldsRefused: 2 problems\n")
        assert "the gateway 10.0.0.1 is inside the range" in told
        stale = shown["subnets"][0]["generation"]
        await call("subnet", "set", "10.0.0.0/24", "--domain", "example.com")
        name = str(shown["subnets"][0]["id"])
        code, _, told = await call("subnet", "delete", name, "--yes", "--if-generation", stale)
        assert (code, "ChangedMeanwhile" in told) == (1, True)
        code, _, told = await call("vlan", "delete", "storage", "--yes")
        assert code == 0
        for line in ("subnets: 1", "ranges: 1", "reservations: 1"):
            assert line in told
        assert (await call("vlan", "list"))[1] == "no VLANs yet\n"
