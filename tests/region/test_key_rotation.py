"""Another key takes over while region processes run: real files, real processes, no restart."""

import base64
import contextlib
from functools import partial

import pytest
from attrs import evolve

from evenrack.config.key_file import Key, Keys
from evenrack.config.secret_file import Secret
from evenrack.region.database.bmc_reading import password_cell
from evenrack.region.sealing import Sealer, key_id_of
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually, fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

HOSTS = ("region1", "region2")


def key(name):
    return Key(id=name, content=Secret(name[0].encode() * 32))


def line(name):
    return f"{name}:{base64.b64encode(key(name).content.reveal()).decode()}\n"


def opened_by(*names):
    return Sealer(keys=Keys(all=tuple(key(name) for name in names)), token_bytes=bytes)


class KeyFleet:
    """Region processes of several hosts, and the key file of each."""

    def __init__(self, fleet):
        self.fleet = fleet

    def path(self, host):
        return self.fleet.folder / f"{host}.keys"

    def write(self, host, *names, text=None):
        path = self.path(host)
        path.touch(mode=0o600)
        path.write_text("".join(map(line, names)) if text is None else text)

    def start(self, host, *names):
        self.write(host, *names)
        config = self.fleet.region_config(host)
        self.fleet._hosts[host] = evolve(config, key_file=self.path(host))
        return Api(self.fleet.start_region(host))

    async def add_bmc(self, api, n):
        body = {"name": f"b{n}", "driver": "ipmitool", "address": f"10.9.0.{n}", "user": "u"}
        return await api("POST", "/api/v1/bmcs", {**body, "password": f"SESAME{n}"})

    def sealed(self):
        """Which key each password is under, and what it is to a host with these keys."""
        rows = self.fleet.rows("SELECT id, password FROM bmc ORDER BY id")
        return [(password_cell(number), bytes(blob)) for number, blob in rows]

    def under(self):
        return [key_id_of(blob, cell) for cell, blob in self.sealed()]

    def passwords(self, *names):
        opener = opened_by(*names)
        return [opener.open(blob, cell).reveal().decode() for cell, blob in self.sealed()]

    def told(self):
        return [event["text"] for event in self.fleet.events("keys")]


async def keys_of(api):
    return (await api("GET", "/api/v1/keys")).json


async def states(api):
    return {each["id"]: each["state"] for each in (await keys_of(api))["keys"]}


async def known_everywhere(api, name):
    """True when every process has said that it has this key."""
    found = {each["id"]: each for each in (await keys_of(api))["keys"]}
    return name in found and not found[name]["missing_at"]


async def step(api, name):
    return await api("POST", f"/api/v1/keys/{name}", {})


async def is_finished(api, name):
    answer = await step(api, name)
    assert answer.status == 200, answer.text
    return answer.json["finished"] and answer.json


@contextlib.asynccontextmanager
async def two_hosts(dsn, *names):
    async with fleet_on(dsn) as fleet:
        keys = KeyFleet(fleet)
        apis = [keys.start(host, *names) for host in HOSTS]
        await eventually(lambda: len(fleet.read().live) == len(HOSTS))
        await eventually(lambda: known_everywhere(apis[0], names[0]))
        yield keys, *apis


async def test_a_key_takes_over_without_a_restart_and_everything_stays_readable(database_dsn):
    async with two_hosts(database_dsn, "old") as (keys, first, second):
        for n in (1, 2, 3):
            assert (await keys.add_bmc(first, n)).status == 201
        for host in HOSTS:
            keys.write(host, "old", "new")
        await eventually(lambda: known_everywhere(first, "new"))
        assert await states(second) == {"old": "encrypts", "new": "next"}
        assert (await keys_of(second))["newest"] == "new"
        assert keys.under() == ["old"] * 3, "a key that is known does not encrypt yet"

        begun = (await step(first, "new")).json
        assert (begun["resealed"], begun["left"], begun["stuck"]) == (3, 0, [])
        assert keys.under() == ["new"] * 3
        assert keys.passwords("new") == ["SESAME1", "SESAME2", "SESAME3"]
        end = await eventually(partial(is_finished, second, "new"))
        assert (end["waiting_for"], end["left"]) == ([], 0)
        assert await states(first) == {"old": "unused", "new": "encrypts"}

        for host in HOSTS:
            keys.write(host, "new")
        await eventually(lambda: states_are(first, {"new": "encrypts"}))
        for n, api in ((4, first), (5, second)):
            assert (await keys.add_bmc(api, n)).status == 201
        assert keys.under() == ["new"] * 5
        assert keys.passwords("new")[3:] == ["SESAME4", "SESAME5"]


async def states_are(api, expected):
    return await states(api) == expected


async def test_a_key_that_one_process_lacks_encrypts_nothing_and_the_process_is_named(
    database_dsn,
):
    async with two_hosts(database_dsn, "old") as (keys, first, second):
        assert (await keys.add_bmc(first, 1)).status == 201
        keys.write("region1", "old", "new")
        await eventually(lambda: states_are(first, {"old": "encrypts", "new": "next"}))

        async def only_the_second_lacks_it():
            return (await keys_of(first))["keys"][1]["missing_at"] == ["region2/1"]

        await eventually(only_the_second_lacks_it)  # the first has written down that it has it
        refused = await step(first, "new")
        assert (refused.status, refused.json["code"]) == (409, "KeyNotEverywhere")
        assert refused.json["missing_at"] == ["region2/1"]
        assert "not in the key file of region2/1: copy the file" in refused.json["detail"]
        assert (await step(second, "new")).status == 404
        assert (await keys_of(second))["keys"][1]["state"] == "elsewhere"
        assert keys.under() == ["old"]
        assert keys.fleet.rows("SELECT key_fingerprint FROM cluster") == [(None,)]
        keys.write("region2", "old", "new")
        await eventually(lambda: known_everywhere(first, "new"))
        await eventually(partial(is_finished, first, "new"))
        assert keys.under() == ["new"]


async def test_who_stops_half_way_loses_nothing_and_another_process_finishes_it(
    database_dsn, monkeypatch
):
    monkeypatch.setattr("evenrack.region.http.key_pages.BATCH", 2)  # the real one takes 200 BMCs
    async with two_hosts(database_dsn, "old", "new") as (keys, first, second):
        for n in range(1, 6):
            assert (await keys.add_bmc(first, n)).status == 201
        await step(first, "new")
        assert sorted(keys.under()) == ["new"] * 2 + ["old"] * 3
        assert await states(first) == {"old": "needed", "new": "encrypts"}
        await keys.fleet.stop_region(keys.fleet.regions["region1/1"])
        assert keys.passwords("old", "new") == [f"SESAME{n}" for n in range(1, 6)]
        await eventually(partial(is_finished, second, "new"))
        assert keys.under() == ["new"] * 5
        assert keys.passwords("new") == [f"SESAME{n}" for n in range(1, 6)]


async def test_a_host_that_comes_back_with_the_old_file_says_so_and_seals_nothing(
    database_dsn, log
):
    async with two_hosts(database_dsn, "old") as (keys, first, _second):
        await keys.fleet.stop_region(keys.fleet.regions["region2/1"])
        keys.write("region1", "old", "new")
        await eventually(lambda: known_everywhere(first, "new"))
        await eventually(partial(is_finished, first, "new"))
        assert (await keys.add_bmc(first, 1)).status == 201

        late = keys.start("region2", "old")
        warned = await eventually(lambda: log.about("lacks the key", level="warn"))
        assert "copy the file from host" in warned[0]
        refused = await keys.add_bmc(late, 2)
        assert (refused.status, refused.json["code"]) == (503, "KeyMissing")
        assert keys.under() == ["new"]
        await eventually(lambda: missing_at(first, "new", ["region2/1"]))

        keys.write("region2", "old", "new")
        await eventually(lambda: known_everywhere(first, "new"))
        assert (await keys.add_bmc(late, 2)).status == 201
        assert keys.under() == ["new", "new"]
        assert len(log.about("lacks the key")) == 1


async def missing_at(api, name, processes):
    found = {each["id"]: each["missing_at"] for each in (await keys_of(api))["keys"]}
    return found[name] == processes


async def test_a_file_that_is_half_copied_or_gone_changes_nothing_and_is_told_once(
    database_dsn, log
):
    async with two_hosts(database_dsn, "old") as (keys, first, _second):
        assert (await keys.add_bmc(first, 1)).status == 201
        keys.write("region1", text=line("old") + "new:aGFs")
        await eventually(lambda: log.about("line 2", level="warn"))
        keys.path("region1").unlink()
        await eventually(lambda: log.about("is gone", level="warn"))
        assert (await keys.add_bmc(first, 2)).status == 201
        assert await states(first) == {"old": "encrypts"}
        assert len(log.about("line 2")) == len(log.about("is gone")) == 1
        keys.write("region1", "old", "new")
        await eventually(lambda: log.about("read ", "again: keys old, new"))
        assert keys.passwords("old") == ["SESAME1", "SESAME2"]


async def test_what_cannot_be_opened_is_named_and_the_rest_is_finished(database_dsn):
    async with two_hosts(database_dsn, "old", "new") as (keys, first, _second):
        for n in (1, 2):
            assert (await keys.add_bmc(first, n)).status == 201
        keys.fleet.rows("UPDATE bmc SET password = '\\x00' WHERE name = 'b1'")
        assert (await keys_of(first))["damaged"] == 1
        end = await eventually(partial(is_finished, first, "new"))
        ((cell, _), _) = keys.sealed()
        assert [each["place"] for each in end["stuck"]] == [str(cell)]
        assert end["left"] == 1
        (other,) = [blob for it, blob in keys.sealed() if it != cell]
        assert other[1:4] == b"new"


async def test_every_step_is_in_the_audit_log_and_no_key_is_shown_anywhere(database_dsn):
    async with two_hosts(database_dsn, "old", "new") as (keys, first, _second):
        await eventually(partial(is_finished, first, "new"))
        shown = (await first("GET", "/api/v1/keys")).text + str(keys.told())
        for name in ("old", "new"):
            assert line(name).strip().partition(":")[2] not in shown
        deeds = [row["deed"] for row in (await first("GET", "/api/v1/audit")).json["audit"]]
        assert "POST /api/v1/keys/new" in deeds
