"""Who may be a rack: its certificate, and one run at a time (M8)."""

import secrets
import shutil
from contextlib import asynccontextmanager

import pytest
from attrs import evolve
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionClosed
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.protocols import amp

from evenrack.model.identifiers import new_rack_id
from evenrack.trust.tls import NewcomerTls
from evenrack.wire.region_commands import Ping
from tests.region.cable import Cable
from tests.region.processes import QUICK, eventually, fleet_on, goes_on
from tests.stopwatch import Stopwatch
from tests.trusted import authority, enrol, equip, expired, rack_identity

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


@asynccontextmanager
async def cable_to(port):
    cable = Cable(port)
    try:
        yield cable
    finally:
        await cable.remove()


def copied(fleet, name):
    """A copy of a rack's state folder, as a cloned host has it."""
    return shutil.copytree(fleet.folder / name, fleet.folder / f"copy of {name}")


def problems(fleet, code):
    return [where for found, where in fleet.read().open_problems if found == code]


def rack_of_a_stranger(fleet, **signed):
    """A rack that knows whom to trust, and whose own certificate is worth nothing."""
    rack = new_rack_id(secrets.token_bytes)
    state = enrol(fleet.folder / "stranger", rack)
    state.trust.keep_identity(rack_identity(rack, **signed))


@pytest.mark.parametrize(
    ("signed", "at_region", "at_rack"),
    [
        (
            lambda: {"by": authority("another")},
            "the certificate is of another cluster's authority",
            "this end's certificate is of another cluster",
        ),
        (
            lambda: {"at": expired()},
            "the certificate has expired",
            "this end's certificate has expired",
        ),
    ],
    ids=["another authority's", "expired"],
)
async def test_a_rack_whose_certificate_is_not_right_is_refused_once_in_the_log_and_others_stay(
    database_dsn, log, signed, at_region, at_rack
):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        before = region.sockets()
        rack_of_a_stranger(fleet, **signed())
        fleet.start_rack("stranger")
        await eventually(lambda: log.about("refused", "127.0.0.1", level="warn"))
        await deferLater(reactor, 1.5)  # several tries
        (refusal,) = log.about("refused", "127.0.0.1:")
        assert at_region in refusal
        (told,) = log.about("no link", "NotTrusted")
        assert at_rack in told, "the rack says it once as well"
        assert [rack.hostname for rack in fleet.read().racks.values()] == ["rack1"]
        assert region.sockets() == before


async def test_a_rack_of_another_cluster_does_not_speak_to_this_region(database_dsn, log):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        fleet.start_rack("stranger", by=authority("another"))
        await eventually(lambda: log.about("no link", "NotTrusted"))
        await eventually(lambda: log.about("refused", "127.0.0.1:", level="warn"))
        (told,) = log.about("no link", "NotTrusted")
        assert "the certificate is of another cluster's authority" in told
        assert fleet.read().racks == {}
        assert fleet.regions["region1/1"].sockets() == set()


async def test_a_rack_does_not_take_another_rack_for_a_region(database_dsn, log):
    """A rack's certificate is of the right authority, and good for a client only."""
    async with fleet_on(database_dsn) as fleet:
        files = equip(fleet.region_config("region1").state_dir)
        files.keep_identity(rack_identity())
        fleet.start_region("region1")
        fleet.start_rack("rack1")
        (told,) = await eventually(lambda: log.about("no link", "NotTrusted"))
        assert "the certificate is not for this end of a link" in told
        assert fleet.regions["region1/1"].sockets() == set()


@pytest.mark.parametrize(
    ("dressed", "why"),
    [
        (lambda plain: wrapClientTLS(NewcomerTls(), plain), "has no certificate"),
        (lambda plain: plain, "does not speak TLS"),
    ],
    ids=["no certificate", "no TLS"],
)
async def test_a_peer_without_a_certificate_gets_no_answer_and_is_told_of_once(
    database_dsn, log, dressed, why
):
    async with fleet_on(database_dsn, "region1") as fleet:
        await eventually(lambda: fleet.read().live)
        maker = Factory.forProtocol(amp.AMP)
        maker.noisy = False
        port = fleet.regions["region1/1"].port
        for _ in range(3):
            plain = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
            peer = await dressed(plain).connect(maker)
            with pytest.raises((ConnectionClosed, SSL.Error)):
                await peer.callRemote(Ping)
        (refusal,) = await eventually(lambda: log.about("refused 127.0.0.1"))
        assert why in refusal


async def test_m8_a_copy_of_a_connected_rack_is_refused_and_both_addresses_are_named(
    database_dsn, log
):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        rack = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        event = fleet.last_event()
        port = fleet.regions["region2/1"].port
        copy = fleet.start_rack("rack1", port, state=copied(fleet, "rack1"), key="copy")
        await eventually(lambda: problems(fleet, "RackCloned"))
        assert copy.rack == rack.rack
        assert {link.run for link in all_links(fleet)} >= {rack_run(rack)}
        rows = fleet.rows("SELECT DISTINCT run FROM connection")
        assert rows == [(rack_run(rack),)]
        status = await fleet.regions["region1/1"].status()
        (problem,) = [p for p in status["problems"] if p["code"] == "RackCloned"]
        assert problem["affects"].count("127.0.0.1:") == 2
        (told,) = fleet.events("refused", after=event)
        assert told["object"] == f"rack:{rack.rack}"
        assert told["text"].count("127.0.0.1:") == 2
        assert copy.lease.manager is None
        assert fleet.read().manager_of(rack.rack) is not None
        assert rack.lease.manager == fleet.read().manager_of(rack.rack)


def all_links(fleet):
    return [link for r in fleet.regions.values() for link in r.service.connected.all_links()]


def rack_run(rack):
    return rack.connections._self.run


async def test_m8_a_waiting_copy_is_let_in_soon_after_the_first_is_gone(database_dsn):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        first = region.sockets()
        copy = fleet.start_rack("rack1", state=copied(fleet, "rack1"), key="copy")
        waits = await eventually(lambda: region.sockets() - first)
        await fleet.stop_rack("rack1")
        await eventually(fleet.is_whole)
        assert region.sockets() == waits, "not when it comes again, seconds later"
        assert fleet.rows("SELECT DISTINCT run FROM connection") == [(rack_run(copy),)]


async def test_m8_a_waiting_copy_gets_nothing_that_is_meant_for_the_rack(database_dsn):
    async with fleet_on(database_dsn, "region1", "region2") as fleet:
        rack = fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        manager = fleet.regions[fleet.managers()["rack1"]]
        (other,) = [region for region in fleet.regions.values() if region is not manager]
        copy = fleet.start_rack("rack1", other.port, state=copied(fleet, "rack1"), key="copy")
        before = rack.newest.number
        await eventually(lambda: len(other.sockets()) == 2)  # the newest link is the copy's
        await fleet.stop_region(manager)
        await eventually(lambda: rack.newest.number > before)
        assert rack.newest.plan.managed_by == other.id
        assert copy.newest.number == before
        assert copy.lease.manager is None


async def test_m8_a_waiting_copy_costs_few_transactions(database_dsn, monkeypatch):
    async with fleet_on(database_dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        region = fleet.regions["region1/1"]
        fleet.start_rack("rack1", state=copied(fleet, "rack1"), key="copy")
        await eventually(lambda: len(region.sockets()) == 2)
        runs = []
        database = region.service.presence._database
        run = database.run
        monkeypatch.setattr(database, "run", lambda work: runs.append(work) or run(work))
        await deferLater(reactor, 1.5)
        assert len(region.sockets()) == 2
        assert 0 < len(runs) < 30  # six looks at the copy, and what the rest writes


async def test_m8_a_rebooted_rack_whose_old_link_hangs_gets_in_after_the_silence(database_dsn):
    liveness = evolve(QUICK, silence_seconds=4.0)  # a rack's goodbye takes a part of it
    async with fleet_on(database_dsn, "region1", liveness=liveness) as fleet:
        region = fleet.regions["region1/1"]
        async with cable_to(region.port) as cable:
            old = fleet.start_rack("rack1", cable.port)
            await eventually(lambda: old.lease.manager == region.id)
            before = region.sockets()
            cable.cut()
            cut_at = reactor.seconds()
            with Stopwatch() as taken:
                await fleet.stop_rack("rack1")  # powered off: nobody hears of it
                assert region.sockets() == before
                new = fleet.start_rack("rack1", region.port)
                await eventually(lambda: new.lease.manager == region.id)
            assert reactor.seconds() - cut_at > liveness.silence_seconds - 0.5
            assert taken.seconds < liveness.silence_seconds + 2
            assert old.rack == new.rack
            await eventually(fleet.is_whole)
            assert problems(fleet, "RackCloned") == []
            assert fleet.events("refused") == []


async def test_m8_copies_that_were_let_in_without_a_database_are_parted_when_it_is_there(
    own_migrated_server,
):
    server, dsn = own_migrated_server
    async with fleet_on(dsn, "region1") as fleet:
        fleet.start_rack("rack1")
        await eventually(fleet.is_whole)
        state = copied(fleet, "rack1")
        region = fleet.regions["region1/1"]
        await fleet.stop_rack("rack1")
        await eventually(lambda: not region.sockets())
        await deferToThread(server.stop, "immediate")
        first = fleet.start_rack("rack1")
        await eventually(lambda: len(region.sockets()) == 1)
        second = fleet.start_rack("rack1", state=state, key="copy")
        await eventually(lambda: len(region.sockets()) == 2)
        await deferToThread(server.start)  # else every link would be silent for as long
        await eventually(lambda: problems(fleet, "RackCloned"))
        assert fleet.rows("SELECT DISTINCT run FROM connection") == [(rack_run(first),)]
        await eventually(lambda: first.lease.manager == region.id)
        await goes_on(lambda: second.lease.manager is None, 1)
        assert second.lease._ends < 0, "it had none at any time"
