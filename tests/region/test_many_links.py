"""One rack's certificate holds few links, however many it opens, and others feel nothing."""

import contextlib
import secrets
import ssl
import threading

import pytest
from twisted.internet.threads import deferToThread

from evenrack.config.region_config import RegionLiveness
from evenrack.lab.intruder.strangers import box, dial_with, read_box
from evenrack.model.identifiers import new_rack_id
from evenrack.region.links.connected_racks import MOST_LINKS_OF_RACK
from evenrack.trust.files import IDENTITY_FILE
from tests.region.processes import eventually, fleet_on, goes_on
from tests.trusted import enrol

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

PING_SECONDS = 0.2
PATIENT = RegionLiveness(beat_seconds=0.3, dead_after_seconds=1.5, silence_seconds=4.0)
HELLO = {
    b"_command": b"Hello",
    b"protocol": b"2",
    b"run": b"many",
    b"hostname": b"many",
    b"generation": b"0.0",
    b"fingerprint": b"",
}


class ManyLinks:
    """Links with one certificate, each of which pings until it is told to be silent."""

    def __init__(self, state, port):
        self._identity, self._port = state / IDENTITY_FILE, port
        self.open = []
        self._over = threading.Event()
        self._pinging = threading.Thread(target=self._ping)
        self._pinging.start()

    def add(self):
        """Open one, and give what its hello was answered: nothing when it is let in."""
        link = dial_with(self._identity, "127.0.0.1", self._port)
        link.settimeout(10)
        link.sendall(box(HELLO, 1))
        answer = read_box(link)
        if b"process" in answer:
            self.open.append(link)
        else:
            link.close()
        return answer.get(b"_error_code", b"").decode()

    def close(self):
        self._over.set()
        self._pinging.join()
        for link in self.open:
            link.close()

    def _ping(self):
        while not self._over.wait(PING_SECONDS):
            for link in list(self.open):
                with contextlib.suppress(OSError, ssl.SSLError):
                    link.sendall(box({b"_command": b"Ping"}, 2))


async def test_a_rack_that_opens_link_after_link_holds_eight_and_another_rack_is_served(
    database_dsn, log
):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        rack = new_rack_id(secrets.token_bytes)
        enrol(fleet.folder / "many", rack)
        many = ManyLinks(fleet.folder / "many", region.port)
        try:
            told = [await deferToThread(many.add) for _ in range(3 * MOST_LINKS_OF_RACK)]
            assert told[:MOST_LINKS_OF_RACK] == [""] * MOST_LINKS_OF_RACK
            assert set(told[MOST_LINKS_OF_RACK:]) == {"TOO_MANY_LINKS"}
            assert len(region.sockets()) == MOST_LINKS_OF_RACK
            (refusal,) = log.about("refused 127.0.0.1:")
            assert f"rack {rack} has 8 links" in refusal
            other = fleet.start_rack("other")
            await eventually(lambda: other.lease.manager == region.id)
            await goes_on(lambda: len(region.sockets()) == MOST_LINKS_OF_RACK + 1, 1)
        finally:
            await deferToThread(many.close)


async def test_a_rack_gets_in_beside_links_that_died_and_those_that_answer_stay(database_dsn, log):
    async with fleet_on(database_dsn, "region1", liveness=PATIENT) as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        enrol(fleet.folder / "many", new_rack_id(secrets.token_bytes))
        many = ManyLinks(fleet.folder / "many", region.port)
        try:
            for _ in range(MOST_LINKS_OF_RACK):
                assert await deferToThread(many.add) == ""
            dead = many.open.pop()  # its host was switched off: it says nothing, not even goodbye
            before = region.sockets()

            async def let_in():
                return await deferToThread(many.add) == ""

            await eventually(let_in)
            assert log.about("cutting the link", "as many links as it may have")
            await eventually(lambda: len(region.sockets()) == MOST_LINKS_OF_RACK)
            assert len(region.sockets() & before) == MOST_LINKS_OF_RACK - 1
            dead.close()
        finally:
            await deferToThread(many.close)
