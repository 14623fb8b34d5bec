"""Evidence that the host of a DHCP server is dead, from what racks find out (dhcp.md rule 5)."""

import pytest

from tests.region.processes import eventually, goes_on
from tests.region.small_dhcp_fleet import PATIENCE, dhcp_fleet_on
from tests.region.test_partner_down import Lost

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


class Witnessed(Lost):
    """A pair of which one rack is lost, and perhaps a third rack of the VLAN."""

    async def lose_host(self):
        """The rack's whole host is dead."""
        self.dhcp.hosts_off.add(self.dhcp.roles(1)["primary"])
        await self.lose(alive=False)

    async def evidence(self):
        """What is said of the lost one, and what is missing."""
        row = await self.row()
        (side,) = [side for side in row["sides"] if side["rack"] == self.dead]
        return [(item["what"], item["by"], item["says"]) for item in side["evidence"]]

    def asked(self):
        return {
            (read.racks[probe.asked].hostname, read.racks[probe.target].hostname, probe.found)
            for read in [self.dhcp.fleet.read()]
            for of_vlan in read.probes.values()
            for probe in of_vlan
        }


async def witnessed(dhcp, *racks):
    for number in racks:
        dhcp.start_rack(number, 1)
    dhcp.create_vlan(1)
    await eventually(dhcp.is_served_by_pairs, PATIENCE)
    return Witnessed(dhcp)


async def test_rule_5_racks_find_out_whether_the_host_of_a_lost_server_runs(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", "region2", hold_down=1.0) as dhcp:
        story = await witnessed(dhcp, 1, 2, 3)
        await story.lose_host()
        (third,) = {"rack1", "rack2", "rack3"} - {story.dead, story.left}
        told = {
            (story.left, story.dead, "silent"),
            (third, story.dead, "silent"),
            (third, story.left, "connected"),
        }
        await eventually(lambda: story.asked() == told, PATIENCE)
        said = await story.evidence()
        assert said[0] == ("rack daemon", None, "lost")
        assert [what for what, _, _ in said if what == "missing"] == []
        dhcp.hosts_off.clear()
        dhcp.start_rack(int(story.dead[-1]), 1)
        await eventually(lambda: story.asked() == set(), PATIENCE)


async def test_rule_5_of_two_racks_none_can_say_who_of_them_is_cut_off(database_dsn):
    async with dhcp_fleet_on(database_dsn, "region1", hold_down=1.0) as dhcp:
        story = await witnessed(dhcp, 1, 2)
        await story.lose_host()
        await eventually(lambda: story.asked() == {(story.left, story.dead, "silent")}, PATIENCE)
        missing = [says for what, _, says in await story.evidence() if what == "missing"]
        assert len(missing) == 1
        assert "no third rack of the VLAN" in missing[0]


AUTO = 5.0
"""Seconds of evidence in these stories, as short as may be; a test looks for longer where nothing
may happen."""
LONGER = AUTO + 3.0


def word_of(story):
    return next(iter(story.words().values()), None)


async def test_rule_5_a_dead_host_is_called_dead_by_evidence_as_by_an_operator(database_dsn, log):
    async with dhcp_fleet_on(
        database_dsn, "region1", "region2", hold_down=1.0, auto_partner_down=AUTO
    ) as dhcp:
        story = await witnessed(dhcp, 1, 2, 3)
        await story.lose_host()
        await eventually(lambda: story.state() == "partner-down", PATIENCE)
        await eventually(lambda: word_of(story).taken_at is not None, PATIENCE)
        read = dhcp.fleet.read()
        told = (await story.row())["partner_down"]
        assert (told["dead"], told["survivor"]) == (story.dead, story.left)
        assert told["who"] == f"leader {read.leadership.holder}"
        (text,) = [e["text"] for e in dhcp.fleet.events("dhcp") if "for dead for" in e["text"]]
        assert f"takes {story.dead} for dead for vlan1: {story.left} takes over" in text
        assert f"evidence: {story.dead} is lost; {story.left}: failover state: " in text
        assert text.count(": silent") == 2
        assert log.about("auto_partner_down: within 5 s no host has restarted", level="warn")
        await eventually(lambda: story.asked() == set(), PATIENCE)
        dhcp.hosts_off.clear()
        dhcp.start_rack(int(story.dead[-1]), 1)
        dhcp.servers[story.left].states_now[1] = "normal"
        await eventually(lambda: story.words() == {}, PATIENCE)


async def test_rule_5_a_host_that_answers_is_never_called_dead(database_dsn):
    """Its rack daemon is dead, and its DHCP server, too; then the host dies as well."""
    async with dhcp_fleet_on(
        database_dsn, "region1", hold_down=1.0, auto_partner_down=AUTO
    ) as dhcp:
        story = await witnessed(dhcp, 1, 2, 3)
        await story.lose(alive=False)
        await eventually(lambda: (story.left, story.dead, "refused") in story.asked(), PATIENCE)
        await goes_on(lambda: not story.words(), LONGER)
        missing = [says for what, _, says in await story.evidence() if what == "missing"]
        assert f"{story.left} finds the host of {story.dead} alive (refused)" in missing
        dhcp.hosts_off.add(story.dead)
        await eventually(lambda: story.state() == "partner-down", PATIENCE)


async def test_rule_5_a_dead_rack_daemon_whose_server_lives_is_never_called_dead(database_dsn):
    async with dhcp_fleet_on(
        database_dsn, "region1", hold_down=1.0, auto_partner_down=AUTO
    ) as dhcp:
        story = await witnessed(dhcp, 1, 2, 3)
        await story.lose(alive=True)
        await goes_on(lambda: not story.words() and not story.asked(), LONGER)
        assert story.state() == "normal"


async def test_rule_5_of_two_racks_none_is_ever_called_dead_by_itself(database_dsn):
    async with dhcp_fleet_on(
        database_dsn, "region1", hold_down=1.0, auto_partner_down=AUTO
    ) as dhcp:
        story = await witnessed(dhcp, 1, 2)
        await story.lose_host()
        await eventually(story.asked, PATIENCE)
        await goes_on(lambda: not story.words(), LONGER)


async def test_rule_5_without_its_evidence_the_leaders_word_is_taken_back(database_dsn):
    """The survivor does not take it, and then the host of the other one answers."""
    async with dhcp_fleet_on(
        database_dsn, "region1", hold_down=1.0, auto_partner_down=AUTO
    ) as dhcp:
        story = await witnessed(dhcp, 1, 2, 3)
        await story.lose_host()
        dhcp.servers[story.left].obeys = False
        await eventually(lambda: story.words() and word_of(story).refused, PATIENCE)
        dhcp.hosts_off.clear()
        await eventually(lambda: story.words() == {}, PATIENCE)
        texts = [event["text"] for event in dhcp.fleet.events("dhcp")]
        assert any("the evidence is not so any more" in text for text in texts)
        assert story.state() == "communications-interrupted"
