"""Who has no right holds no place at the door for racks: real TLS, and a peer that never ends."""

import socket
from contextlib import ExitStack, closing, contextmanager

import pytest
from twisted.internet.threads import deferToThread

from evenrack.config.region_config import RegionLiveness
from evenrack.lab.intruder.strangers import box
from evenrack.region.links import rack_session, strangers
from tests.region.processes import eventually, fleet_on
from tests.silent_peer import SilentPeer

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]

PATIENT = RegionLiveness(beat_seconds=0.3, dead_after_seconds=1.5, silence_seconds=60.0)
APPLICATION = {
    b"_command": b"Enrol",
    b"lookup": b"abcd1234",
    b"request": b"r",
    b"proof": b"p",
    b"hostname": b"h",
}


async def test_a_refused_application_ends_the_connection_though_the_peer_never_agrees(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        with closing(await deferToThread(SilentPeer, "127.0.0.1", region.port)) as peer:
            await eventually(lambda: len(region.service.strangers) == 1)
            await deferToThread(peer.send, box(APPLICATION, 1))
            assert await deferToThread(peer.is_ended)
            await eventually(lambda: len(region.service.strangers) == 0)


async def test_who_sends_a_byte_now_and_then_and_no_hello_is_cut(database_dsn, monkeypatch, log):
    monkeypatch.setattr(rack_session, "GREETING_SECONDS", 1.0)
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        with closing(await deferToThread(SilentPeer, "127.0.0.1", region.port)) as peer:
            await deferToThread(peer.send, b"\x00\x08_command\x3f\xff")
            assert await deferToThread(peer.trickle, 0.2)
            await eventually(lambda: len(region.service.strangers) == 0)
        assert len(log.about("said no hello within")) == 1


# A flood, in a small hall: four places for an address, eight for a network, sixteen in all.


@pytest.fixture
def small_hall(monkeypatch):
    monkeypatch.setattr(rack_session, "GREETING_SECONDS", 60.0)
    monkeypatch.setattr(strangers, "MOST_FROM_ONE_ADDRESS", 4)
    monkeypatch.setattr(strangers, "MOST_FROM_ONE_NETWORK", 8)
    monkeypatch.setattr(strangers, "MOST_STRANGERS", 16)


@contextmanager
def flood(port, *networks):
    """Silent connections from three addresses of each network, as many as each may have."""
    with ExitStack() as held:
        for network in networks:
            for host in (1, 2, 3):
                for _ in range(4):
                    source = (f"127.5.{network}.{host}", 0)
                    held.enter_context(
                        socket.create_connection(("127.0.0.1", port), source_address=source)
                    )
        yield


@pytest.mark.usefixtures("small_hall")
async def test_a_new_rack_gets_in_while_a_network_floods_the_door(database_dsn, log):
    async with fleet_on(database_dsn, "region1", liveness=PATIENT) as fleet:
        await eventually(lambda: fleet.read().live)
        region = fleet.regions["region1/1"]
        with flood(region.port, 0):
            await eventually(lambda: len(region.service.strangers) == 8)
            rack = fleet.start_rack("rack1")
            await eventually(lambda: rack.lease.manager == region.id)
            assert len(region.service.strangers) == 8, "and the flood goes on"
        assert len(log.about("refused 1 connections, the last from 127.5.0.")) == 1


@pytest.mark.usefixtures("small_hall")
async def test_a_rack_comes_back_while_the_door_is_full_also_to_a_process_that_just_started(
    database_dsn,
):
    async with fleet_on(database_dsn, "region1", "region2", liveness=PATIENT) as fleet:
        rack = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        await fleet.stop_rack("rack1")
        await fleet.stop_region(fleet.regions["region2/1"])
        new = fleet.start_region("region2", liveness=PATIENT)
        await eventually(lambda: set(fleet.read().live) == set(fleet.regions))
        with ExitStack() as floods:
            for region in fleet.regions.values():
                floods.enter_context(flood(region.port, 0, 1, 2))
                await eventually(lambda here=region.service.strangers: len(here) == 16)
                assert not region.service.strangers.may_come("127.9.9.9")
            rack = fleet.start_rack("rack1", new.port)
            await eventually(lambda: rack.rack in new.service.connected.racks())
            await eventually(fleet.is_whole)
