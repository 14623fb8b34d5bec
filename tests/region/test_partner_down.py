"""The word that a rack's DHCP server is dead, from the operator to the other server (M16)."""

import pytest
from attrs import evolve
from sqlalchemy import text

from evenrack.region.database.inventory_reading import read_vlans
from evenrack.region.database.inventory_store import create
from evenrack.region.database.partner_down_store import (
    MARGIN_SECONDS,
    note_refused,
    note_taken,
    read_partner_downs,
    take_back,
    write_partner_down,
)
from tests.region.http.inventory_api import Api
from tests.region.processes import eventually, goes_on
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

PAGE = "/api/v1/dhcp/vlan1/partner-down"


class Lost:
    """A pair of which one rack is lost; `alive`: its DHCP server is not."""

    def __init__(self, dhcp):
        self.dhcp = dhcp
        self.api = Api(dhcp.fleet.regions["region1/1"])

    async def lose(self, *, alive):
        roles = self.dhcp.roles(1)
        self.dead, self.left = roles["primary"], roles["secondary"]
        await self.dhcp.fleet.stop_rack(self.dead)
        if not alive:
            self.dhcp.servers[self.dead].kill()
        await eventually(self.is_lost, PATIENCE)
        wanted = "normal" if alive else "communications-interrupted"
        await eventually(lambda: self.state() == wanted, PATIENCE)

    def is_lost(self):
        read = self.dhcp.fleet.read()
        return any(
            rack.hostname == self.dead and not read.is_connected(rack.id)
            for rack in read.racks.values()
        )

    async def row(self):
        return (await self.api("GET", "/api/v1/dhcp/vlan1")).json

    def state(self):
        read = self.dhcp.fleet.read()
        (rack,) = [rack.id for rack in read.racks.values() if rack.hostname == self.left]
        return next((side.state for side in read.dhcp_report(rack).vlans), None)

    def designated(self):
        read = self.dhcp.fleet.read()
        (pair,) = read.pairs.values()
        return tuple(read.racks[rack].hostname for rack in pair.racks)

    def words(self):
        return self.dhcp.fleet.read().partner_downs


async def lost(dhcp, *, alive):
    dhcp.start_rack(1, 1)
    dhcp.start_rack(2, 1)
    dhcp.create_vlan(1)
    await eventually(dhcp.is_served_by_pairs, PATIENCE)
    found = Lost(dhcp)
    await found.lose(alive=alive)
    return found


async def test_m16_the_operators_word_reaches_the_server_and_is_over_when_all_is_normal(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=600.0) as dhcp:
        story = await lost(dhcp, alive=False)
        plan = (await story.api("GET", f"{PAGE}?dead={story.dead}")).json
        assert (plan["survivor"], plan["hindrances"]) == (story.left, [])
        assert (plan["mclt_seconds"], story.words()) == (3600, {})
        given = await story.api("POST", PAGE, {"dead": story.dead}, Idempotency_Key="k")
        assert (given.status, given.json["survivor"]) == (200, story.left)
        await eventually(lambda: story.state() == "partner-down", PATIENCE)
        again = await story.api("POST", PAGE, {"dead": story.dead}, Idempotency_Key="k")
        assert (again.status, again.json) == (200, given.json)
        word = (await story.row())["partner_down"]
        assert (word["dead"], word["survivor"], word["refused"]) == (story.dead, story.left, None)
        assert word["taken_at"] < word["usable_at"]
        again = await story.api("POST", PAGE, {"dead": story.dead})
        assert (again.status, again.json["code"]) == (409, "PartnerMayLive")
        assert "partner-down already" in again.json["detail"]
        dhcp.start_rack(int(story.dead[-1]), 1)
        dhcp.servers[story.left].states_now[1] = "normal"  # as it is when it hears the other again
        await eventually(lambda: story.words() == {}, PATIENCE)
        texts = [event["text"] for event in dhcp.fleet.events("dhcp")]
        assert any(f"{story.dead} is dead for vlan1: {story.left} takes over" in t for t in texts)
        assert any(f"{story.dead} counts as dead no more" in text for text in texts)


async def test_rule_4d_after_mclt_a_third_rack_takes_the_place_of_the_dead_one(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=1.0) as dhcp:
        story = await lost(dhcp, alive=False)
        left = dhcp.servers[story.left]
        left.mclt = 0
        third = dhcp.start_rack(3, 1)
        third.begins_in = "recover-wait"  # as one does that has no lease
        await eventually(lambda: story.designated() == (story.left, "rack3"), PATIENCE)
        await goes_on(lambda: set(dhcp.roles(1)) <= {"primary", "secondary"}, 1.5)
        assert dhcp.servers["rack3"].runs is None, "the dead one may live"
        await story.api("POST", PAGE, {"dead": story.dead})
        await eventually(
            lambda: dhcp.roles(1) == {"primary": story.left, "secondary": "rack3"}, PATIENCE
        )
        await eventually(lambda: story.state() == "normal" and not story.words(), PATIENCE)
        await eventually(lambda: dhcp.fleet.read().services[1].met, PATIENCE)
        assert third.put_back_into == [(1, "recover-done")], "it never served this VLAN"
        told = [event["text"] for event in dhcp.fleet.events("dhcp")]
        assert any("the server of rack3 does not wait for mclt" in text for text in told)
        dhcp.start_rack(int(story.dead[-1]), 1)
        await eventually(lambda: not story.is_lost(), PATIENCE)
        await goes_on(lambda: not dhcp.servers[story.dead].running(), 2.0)


async def test_rule_7_who_left_a_vlan_in_order_need_not_wait_and_who_may_have_served_does(
    database_dsn,
):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        for number in (1, 2, 3):
            dhcp.start_rack(number, 1)
        dhcp.create_vlan(1)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        first = dhcp.roles(1)["secondary"]
        dhcp.drain(first)
        await eventually(lambda: first not in dhcp.roles(1).values(), PATIENCE)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        other = dhcp.roles(1)["secondary"]
        newcomer = dhcp.servers[first]
        newcomer.begins_in = "recover-wait"
        newcomer.states_now.clear()
        newcomer.put_back_into.clear()
        dhcp.resume(first)
        dhcp.drain(other)
        await eventually(lambda: dhcp.roles(1).get("secondary") == first, PATIENCE)
        await eventually(lambda: dhcp.servers[first].states_now[1] == "normal", PATIENCE)
        assert dhcp.servers[first].put_back_into == [(1, "recover-done")]
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        serves = text("UPDATE dhcp_service SET met = false")
        dhcp.servers[first].states_now[1] = "recover-wait"
        dhcp.inventory(lambda c: c.execute(serves))
        await goes_on(lambda: dhcp.servers[first].states_now[1] == "recover-wait", 2.0)


async def test_rule_5_of_a_rack_daemon_that_is_dead_the_dhcp_server_may_live(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=600.0) as dhcp:
        story = await lost(dhcp, alive=True)
        refused = await story.api("POST", PAGE, {"dead": story.dead})
        assert (refused.status, refused.json["code"]) == (409, "PartnerMayLive")
        assert "only its rack daemon is away" in refused.json["detail"]
        assert story.words() == {}


async def test_rule_5_what_the_rack_knows_better_counts(database_dsn):
    """The word was given, and the partner is heard again before the server was told."""
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=600.0) as dhcp:
        story = await lost(dhcp, alive=True)
        read = dhcp.fleet.read()
        ids = {rack.hostname: rack.id for rack in read.racks.values()}
        racks = {"survivor": ids[story.left], "dead": ids[story.dead]}
        dhcp.inventory(lambda c: write_partner_down(c, 1, who="anna", **racks))
        await eventually(lambda: story.words()[1].refused, PATIENCE)
        assert story.words()[1].refused == "its server still hears the other one"
        await goes_on(lambda: story.state() == "normal", 1.5)
        dhcp.start_rack(int(story.dead[-1]), 1)
        await eventually(lambda: story.words() == {}, PATIENCE)


async def test_a_word_that_is_refused_holds_up_none_about_another_vlan(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=600.0) as dhcp:
        dhcp.start_rack(1, 1, 2)
        dhcp.start_rack(2, 1, 2)
        dhcp.create_vlan(1)
        dhcp.create_vlan(2)
        await eventually(dhcp.is_served_by_pairs, PATIENCE)
        story = Lost(dhcp)
        await story.lose(alive=False)
        dhcp.servers[story.left].states_now[1] = "recover"  # in which it is told nothing
        ids = {rack.hostname: rack.id for rack in dhcp.fleet.read().racks.values()}
        racks = {"survivor": ids[story.left], "dead": ids[story.dead]}
        for vlan in dhcp.fleet.read().vlans:
            dhcp.inventory(lambda c, vlan=vlan: write_partner_down(c, vlan, who="anna", **racks))
        await eventually(lambda: story.words()[2].taken_at is not None, PATIENCE)
        assert story.words()[1].taken_at is None
        assert "recover" in story.words()[1].refused


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", PAGE, None, 400),
        ("GET", f"{PAGE}?dead=rack9", None, 404),
        ("POST", PAGE, {}, 422),
        ("POST", PAGE, {"dead": "rack9"}, 404),
        ("POST", "/api/v1/dhcp/vlan9/partner-down", {"dead": "rack1"}, 404),
        ("DELETE", PAGE, None, 405),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(method, path, body, status, database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1") as dhcp:
        dhcp.start_rack(1, 1)
        dhcp.create_vlan(1)
        await eventually(lambda: dhcp.roles(1) == {"alone": "rack1"}, PATIENCE)
        api = Api(dhcp.fleet.regions["region1/1"])
        assert (await api(method, path, body)).status == status


def test_a_word_is_written_once_taken_once_and_goes_with_its_vlan(sessions):
    sessions.change(
        "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
        "holds_fingerprint) SELECT 'rack000' || n, 'rack' || n, '', '', false, 0, 0, '' "
        "FROM generate_series(1, 2) AS n"
    )
    sessions.run(lambda c: create(c, "vlan", {"name": "vlan1", "dhcp_on": True}))
    vlan = sessions.value("SELECT id FROM vlan")
    racks = {"survivor": "rack0002", "dead": "rack0001"}

    def given(who):
        sessions.run(lambda c: write_partner_down(c, vlan, who=who, **racks))
        return sessions.run(read_partner_downs)[vlan]

    assert given("anna").who == given("ben").who == "anna"
    sessions.run(lambda c: note_refused(c, given("anna"), "no"))
    assert given("anna").refused == "no"
    sessions.run(lambda c: note_taken(c, given("anna"), mclt_seconds=60))
    word = given("anna")
    assert (word.usable_at - word.taken_at).total_seconds() == pytest.approx(60 + MARGIN_SECONDS)
    sessions.run(lambda c: note_taken(c, word, mclt_seconds=9))
    sessions.run(lambda c: note_refused(c, word, "later"))
    assert given("anna") == word
    other_way = {"survivor": "rack0001", "dead": "rack0002"}
    sessions.run(lambda c: write_partner_down(c, vlan, who="ben", **other_way))
    word = sessions.run(read_partner_downs)[vlan]
    assert (word.survivor, word.who, word.taken_at, word.usable_at) == (
        *("rack0001", "ben"),
        *(None, None),
    )
    sessions.change("DELETE FROM vlan")
    assert sessions.run(read_partner_downs) == {}


def test_an_operators_word_replaces_one_by_evidence_that_was_not_taken(sessions):
    sessions.change(
        "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
        "holds_fingerprint) SELECT 'rack000' || n, 'rack' || n, '', '', false, 0, 0, '' "
        "FROM generate_series(1, 2) AS n"
    )
    sessions.run(lambda c: create(c, "vlan", {"name": "vlan1", "dhcp_on": True}))
    vlan = sessions.value("SELECT id FROM vlan")
    racks = {"survivor": "rack0002", "dead": "rack0001"}

    def given(who, **more):
        sessions.run(lambda c: write_partner_down(c, vlan, who=who, **racks, **more))
        return sessions.run(read_partner_downs)[vlan]

    assert given("leader", by_evidence=True).by_evidence
    assert (given("anna").who, given("anna").by_evidence) == ("anna", False)
    assert given("leader", by_evidence=True).who == "anna"
    sessions.change("UPDATE dhcp_partner_down SET by_evidence = true, who = 'leader'")
    word = sessions.run(read_partner_downs)[vlan]
    sessions.run(lambda c: note_taken(c, word, mclt_seconds=60))
    assert given("anna").who == "leader", "its server follows it"


def test_the_leader_takes_back_only_its_own_word_and_only_before_a_server_follows_it(sessions):
    """Each of the other two came after the leader had read its own."""
    sessions.change(
        "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
        "holds_fingerprint) SELECT 'rack000' || n, 'rack' || n, '', '', false, 0, 0, '' "
        "FROM generate_series(1, 2) AS n"
    )
    for name in ("vlan1", "vlan2", "vlan3"):
        sessions.run(lambda c, name=name: create(c, "vlan", {"name": name, "dhcp_on": True}))
    vlans = tuple(sessions.run(read_vlans))

    def give(vlan, who, **more):
        racks = {"survivor": "rack0002", "dead": "rack0001"}
        sessions.run(lambda c: write_partner_down(c, vlan, who=who, **racks, **more))

    for vlan in vlans:
        give(vlan, "leader", by_evidence=True)
    word = sessions.run(read_partner_downs)[vlans[0]]
    sessions.run(lambda c: note_taken(c, word, mclt_seconds=60))
    give(vlans[1], "anna")
    sessions.run(lambda c: take_back(c, vlans))
    assert {vlan: word.who for vlan, word in sessions.run(read_partner_downs).items()} == {
        vlans[0]: "leader",
        vlans[1]: "anna",
    }
    sessions.change("DELETE FROM dhcp_partner_down")
    sessions.run(lambda c: note_taken(c, word, mclt_seconds=60))
    (again,) = sessions.run(read_partner_downs).values()
    assert evolve(again, taken_at=None, usable_at=None) == evolve(word, taken_at=None)
    assert again.usable_at > again.taken_at, "its server follows it, whatever became of the word"
    sessions.change("DELETE FROM vlan")
    sessions.run(lambda c: note_taken(c, word, mclt_seconds=60))
    assert sessions.run(read_partner_downs) == {}
