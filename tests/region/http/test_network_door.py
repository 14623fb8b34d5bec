"""The door to the network: TLS, whom the client believes, and where a token is sent at all."""

import contextlib
import http.client
import socket
import ssl
import stat
from contextlib import closing
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from evenrack.client import Client, Credentials, NotSafe, SocketTarget, UrlTarget, trusting
from evenrack.config.secret_file import Secret
from evenrack.errors import ApiRefused, RegionUnreachable
from evenrack.model.host_port import HostPort
from evenrack.region.http.timely_channel import TimelyChannel
from evenrack.trust.certificates import certificate_pem
from evenrack.trust.tls import RegionTls
from tests.free_ports import free_tcp_port
from tests.region.http.api_process import api_process
from tests.region.processes import eventually
from tests.silent_peer import SilentPeer
from tests.trusted import authority, expired, rack_identity, region_identity

pytestmark = [pytest.mark.postgres, pytest.mark.deadline(120)]


def over_tls(identity=None, trusted=None):
    """What wraps the site, with the certificate that it shows."""
    tls = RegionTls(identity or region_identity(), [(trusted or authority()).certificate])
    return lambda site: TLSMemoryBIOFactory(tls, isClient=False, wrappedFactory=site, clock=reactor)


def believing(by=None):
    return trusting(certificate_pem((by or authority()).certificate).decode())


def client_of(api, *, token=None, believes=None, tls=True, timeout=5):
    target = UrlTarget(host=api.address.host, port=api.address.port, tls=tls)
    return Client(
        [target],
        timeout=timeout,
        credentials=Credentials(
            token=None if token is None else Secret(token.encode()), authority=believes
        ),
    )


async def asked(client, path="/api/v1/vlans"):
    return await deferToThread(client.get, path)


async def test_a_region_is_believed_by_its_certificate_whatever_address_was_dialled(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        token = await api.token("ci", "operator")
        client = client_of(api, token=token, believes=believing())
        assert (await asked(client))["vlans"] == []
        made = await deferToThread(client.post, "/api/v1/vlans", {"name": "v1"})
        assert made["name"] == "v1"
        row = (await api.audit())[-1]
        assert (row["who"], row["deed"]) == ("ci", "POST /api/v1/vlans")


async def test_without_a_token_a_believed_region_answers_401(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        with pytest.raises(ApiRefused, match="this needs a token") as refused:
            await asked(client_of(api, believes=believing()))
        assert refused.value.problem["status"] == 401


@pytest.mark.parametrize(
    "impostor",
    [
        lambda: over_tls(region_identity(by=authority("a stranger's")), authority("a stranger's")),
        lambda: over_tls(region_identity(at=expired())),
        lambda: over_tls(rack_identity()),
    ],
    ids=["of a foreign authority", "expired", "a rack"],
)
async def test_nobody_but_a_region_is_sent_a_token(impostor, database_dsn):
    async with api_process(database_dsn, tls=impostor()) as api:
        token = await api.token("ci")
        with pytest.raises(RegionUnreachable, match="not of this cluster's regions"):
            await asked(client_of(api, token=token, believes=believing()))
        assert len(api.site._gate._requests) == 0, "no token was seen there"


async def test_tls_1_2_is_refused_by_the_client_and_by_the_region(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2

        def dial():
            address = (api.address.host, api.address.port)
            with socket.create_connection(address, timeout=5) as plain, old.wrap_socket(plain):
                pass

        with pytest.raises(ssl.SSLError):
            await deferToThread(dial)
    assert believing().minimum_version == ssl.TLSVersion.TLSv1_3


async def test_without_knowing_whom_to_believe_https_is_not_asked(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        with pytest.raises(NotSafe, match="--authority FILE"):
            await asked(client_of(api))


async def test_two_ends_of_which_only_one_speaks_tls_come_to_nothing(database_dsn):
    async with api_process(database_dsn) as api:
        # an answer, of "400", comes only when what TLS draws has the end of a line in it
        nothing = r"does not answer in time|no TLS 1\.3 came about"
        with pytest.raises(RegionUnreachable, match=nothing):
            await asked(client_of(api, believes=believing(), timeout=0.5))
    async with api_process(database_dsn, tls=over_tls()) as api:
        with pytest.raises(RegionUnreachable, match="if it speaks TLS: https://127"):
            await asked(client_of(api, tls=False))


async def test_in_the_clear_a_token_is_sent_to_this_host_only(database_dsn):
    async with api_process(database_dsn) as api:
        token = await api.token("ci")
        assert (await asked(client_of(api, token=token, tls=False)))["vlans"] == []
    here = address_beyond_loopback()
    if here is None:
        pytest.skip("this machine has no address but loopback")
    with listening(here) as (port, heard):
        client = Client(
            [UrlTarget(host=here, port=port)],
            timeout=5,
            credentials=Credentials(token=Secret(token.encode())),
        )
        with pytest.raises(NotSafe, match=f"it was not sent: use https://{here}:{port}"):
            client.get("/api/v1/vlans")
        with pytest.raises(NotSafe):
            client.post("/api/v1/vlans", {})
        assert heard() == b""


def address_beyond_loopback():
    """An address of this machine's that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
    return None


@contextlib.contextmanager
def listening(host):
    """Somebody who listens, and what was said to it."""
    with socket.create_server((host, 0)) as server:

        def heard():
            said = b""
            server.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while True:
                    one, _ = server.accept()
                    with one:
                        said += one.recv(1000)
            return said

        yield server.getsockname()[1], heard


async def test_a_socket_is_never_shown_a_token(database_dsn):
    async with api_process(database_dsn) as api:
        client = Client(
            [SocketTarget(path=api.socket)],
            timeout=5,
            credentials=Credentials(token=Secret(b"evr_" + b"x" * 43)),
        )
        assert (await asked(client))["vlans"] == []


async def test_without_tls_nothing_but_loopback_is_listened_on(database_dsn, log):
    everywhere = HostPort(host="0.0.0.0", port=free_tcp_port())  # noqa: S104  it is refused
    async with api_process(database_dsn, listen=everywhere) as api:
        (line,) = log.about("HTTP is not answered on 0.0.0.0", level="error")
        assert "without TLS tokens could be read on the way" in line
        assert (await api.locally("GET", "/healthz")).status == 200
        with pytest.raises(ConnectionRefusedError):
            await api("GET", "/healthz")
    async with api_process(database_dsn, listen=everywhere, tls=over_tls()) as api:
        client = client_of(api, believes=believing())
        assert await asked(client, "/healthz") == {"ok": True}


class Hasty(TimelyChannel):
    request_seconds = 2.0


async def test_who_never_ends_the_handshake_is_counted_and_cut(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        api.site.protocol = Hasty
        address = (api.address.host, api.address.port)

        def dial():
            return [socket.create_connection(address) for _ in range(16)]

        half = await deferToThread(dial)
        try:
            await eventually(lambda: api.doors._network._open.total() == 16)
            await eventually(lambda: not api.doors._network._open)
        finally:
            for each in half:
                each.close()
        client = client_of(api, believes=believing())
        assert await asked(client, "/healthz") == {"ok": True}


def get(path, *, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/healthz"),
        get("/healthz", more="Connection: close\r\n"),
        get("/api/v1/vlans"),
        get("/api/v1/vlans", more=f"Authorization: Bearer evr_{'x' * 43}\r\n"),
        b"nonsense\r\n\r\n",
    ],
    ids=["kept open", "to be closed", "no token", "no good token", "no HTTP"],
)
async def test_who_showed_no_token_holds_no_connection_after_the_answer_though_it_never_agrees(
    request_bytes, database_dsn
):
    async with api_process(database_dsn, tls=over_tls()) as api:
        address = (api.address.host, api.address.port)
        with closing(await deferToThread(SilentPeer, *address)) as peer:
            assert api.doors._network._open.total() == 1
            await deferToThread(peer.send, request_bytes)
            assert await deferToThread(peer.is_ended)
            await eventually(lambda: not api.doors._network._open)


async def test_who_showed_a_good_token_keeps_its_connection_and_nobody_else_does(database_dsn):
    async with api_process(database_dsn, tls=over_tls()) as api:
        token = await api.token("ci")

        def answers(*headers):
            """The answers to requests one after the other on one connection."""
            connection = http.client.HTTPSConnection(
                api.address.host, api.address.port, context=unbelieving(), timeout=5
            )
            with closing(connection):
                for each in headers:
                    connection.request("GET", "/api/v1/vlans", headers=each)
                    answer = connection.getresponse()
                    answer.read()
                    yield answer.status, answer.headers["Connection"], connection.sock is not None

        good = {"Authorization": f"Bearer {token}"}
        told = await deferToThread(lambda: list(answers(good, good, {})))
        assert told == [(200, None, True), (200, None, True), (401, "close", False)]


def unbelieving():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def test_a_folder_for_the_socket_is_made_for_its_group_only(database_dsn, tmp_path):
    async with api_process(database_dsn, socket_in=Path("run")) as api:
        folder = api.socket.parent
        assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0
        assert stat.S_IMODE(api.socket.stat().st_mode) == 0o660


def test_the_client_and_the_certificates_name_regions_alike():
    from evenrack import client_connections
    from evenrack.trust import certificates

    assert client_connections.REGION_NAME == certificates.REGION_NAME
