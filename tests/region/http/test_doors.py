"""Where HTTP is answered: a socket of each process, and one TCP port of the host."""

import stat

import pytest
from twisted.internet.threads import deferToThread

from evenrack.client import Client, Credentials, UrlTarget, trusting
from evenrack.trust.certificates import certificate_pem
from tests.region.processes import eventually, fleet_on, goes_on
from tests.stopwatch import Stopwatch
from tests.trusted import authority

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


def tcp_listeners(region):
    """The HTTP ports that this process itself listens on."""
    doors = region.running.services[0]
    return [port for port in doors._ports if port.socket.family.name == "AF_INET"]


async def over_tls(region):
    """Ask for health at the host's port, as from afar."""
    host, port = region.door
    authorities = certificate_pem(authority().certificate).decode()
    client = Client(
        [UrlTarget(host=host, port=port, tls=True)],
        timeout=5,
        credentials=Credentials(authority=trusting(authorities)),
    )
    return await deferToThread(client.get, "/readyz")


async def test_one_of_a_host_s_processes_holds_the_port_and_another_takes_it_over_in_time(
    database_dsn,
):
    async with fleet_on(database_dsn) as fleet:
        first, second = (fleet.start_region("region1", instance) for instance in (1, 2))
        await eventually(lambda: len(fleet.read().live) == 2)
        assert (len(tcp_listeners(first)), len(tcp_listeners(second))) == (1, 0)
        await goes_on(lambda: not tcp_listeners(second), 1.2)
        assert await over_tls(first) == {"ok": True}
        await fleet.stop_region(first)
        with Stopwatch() as taken:
            await eventually(lambda: tcp_listeners(second))
        assert taken.seconds < 2
        assert await over_tls(second) == {"ok": True}


async def test_each_process_answers_on_its_own_socket_which_others_may_not_use(database_dsn):
    async with fleet_on(database_dsn) as fleet:
        both = [fleet.start_region("region1", instance) for instance in (1, 2)]
        for region in both:
            assert region.socket.name == f"regiond-{region.instance}.sock"
            mode = stat.S_IMODE(region.socket.stat().st_mode)
            assert mode & 0o007 == 0
            assert (await region.get("/healthz")).status == 200


async def test_a_socket_left_by_a_killed_process_is_no_hindrance(database_dsn):
    import socket

    async with fleet_on(database_dsn) as fleet:
        path = fleet.region_config("region1").administration_socket(1)
        path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        region = fleet.start_region("region1")
        assert (await region.get("/healthz")).status == 200
        await fleet.stop_region(region)
        assert not path.exists()
