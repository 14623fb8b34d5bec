"""The HTTP client, against a real server on a Unix socket."""

import socket
from contextlib import ExitStack

import pytest

from evenrack.client import Client, SocketTarget, UrlTarget, parse_url
from evenrack.errors import ApiRefused, RegionUnreachable
from tests.cli.small_api import small_api


@pytest.fixture
def serve(tmp_path):
    with ExitStack() as servers:
        yield lambda name: servers.enter_context(small_api(tmp_path / name))


def client_of(*paths, **options):
    options.setdefault("timeout", 5)
    return Client([SocketTarget(path=path) for path in paths], **options)


def test_an_answer_is_decoded(serve):
    api = serve("a.sock")
    api.answer("/api/v1/racks", [{"id": "abcd1234"}])
    assert client_of(api.path).get("/api/v1/racks") == [{"id": "abcd1234"}]


def test_the_next_target_is_asked_when_one_is_not_there(serve, tmp_path):
    api = serve("a.sock")
    api.answer("/healthz", {"ok": True})
    client = client_of(tmp_path / "none.sock", api.path)
    assert client.get("/healthz") == {"ok": True}


def test_a_target_that_does_not_answer_is_asked_last_from_then_on(serve, tmp_path):
    api = serve("a.sock")
    api.answer("/healthz", {})
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung.sock"))
        hung.listen(1)  # the kernel accepts, nobody answers: a paused process
        client = client_of(tmp_path / "hung.sock", api.path, timeout=0.2)
        client.get("/healthz")
        hung.setblocking(False)
        hung.accept()[0].close()
        client.get("/healthz")
        with pytest.raises(BlockingIOError):
            hung.accept()


def test_when_nobody_answers_each_target_and_the_cure_are_named(tmp_path):
    with pytest.raises(RegionUnreachable) as failed:
        client_of(tmp_path / "one.sock", tmp_path / "two.sock").get("/healthz")
    text = str(failed.value)
    assert "one.sock: no such file or directory" in text
    assert "two.sock: no such file or directory" in text
    assert "start evenrack-regiond" in text


def test_without_any_target_the_cure_is_named():
    with pytest.raises(RegionUnreachable, match="start evenrack-regiond"):
        Client([], timeout=1).get("/healthz")


def test_a_refusal_says_what_the_region_said(serve):
    api = serve("a.sock")
    api.refuse("/api/v1/racks", 400, "BadRequest", "limit: a whole number is needed")
    with pytest.raises(ApiRefused, match="a whole number is needed") as refused:
        client_of(api.path).get("/api/v1/racks")
    assert refused.value.problem["code"] == "BadRequest"
    assert refused.value.problem["status"] == 400


def test_a_process_cut_from_the_database_is_not_the_last_word(serve):
    cut, well = serve("a.sock"), serve("b.sock")
    cut.refuse("/api/v1/events", 503, "DatabaseUnreachable", "no connection")
    well.answer("/api/v1/events", {"events": []})
    assert client_of(cut.path, well.path).get("/api/v1/events") == {"events": []}


def test_when_all_are_cut_from_the_database_that_is_said(serve, tmp_path):
    cut = serve("a.sock")
    cut.refuse("/api/v1/events", 503, "DatabaseUnreachable", "no connection")
    with pytest.raises(ApiRefused, match="no connection"):
        client_of(cut.path, tmp_path / "none.sock").get("/api/v1/events")


def test_an_answer_over_the_bound_is_not_taken(serve):
    api = serve("a.sock")
    api.answer("/api/v1/racks", ["x" * 100])
    with pytest.raises(RegionUnreachable, match="larger than 50 bytes"):
        client_of(api.path, largest_answer=50).get("/api/v1/racks")


@pytest.mark.parametrize(
    ("status", "content_type", "body", "said"),
    [
        (200, "application/json", b"<html>", "without JSON"),
        (500, "text/html", b'"oops"', "without saying what is wrong"),
        (404, "application/json", b"{}", "without saying what is wrong"),
    ],
)
def test_something_else_behind_the_address_is_told(serve, status, content_type, body, said):
    api = serve("a.sock")
    api.answer("/healthz", body, status=status, content_type=content_type)
    with pytest.raises(RegionUnreachable, match=said):
        client_of(api.path).get("/healthz")


def test_an_address_on_the_network_is_asked_over_tcp():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = Client([UrlTarget(host="127.0.0.1", port=port)], timeout=1)
    with pytest.raises(RegionUnreachable, match=f"http://127.0.0.1:{port}: connection refused"):
        client.get("/healthz")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://region1", UrlTarget(host="region1", port=5240)),
        ("http://region1:80/", UrlTarget(host="region1", port=80)),
        ("http://[fd00::1]:5240", UrlTarget(host="fd00::1", port=5240)),
    ],
)
def test_addresses_are_read(text, meant):
    assert parse_url(text) == meant
    assert parse_url(str(meant)) == meant


@pytest.mark.parametrize(
    "text",
    ["region1:5240", "https://region1", "http://", "http://r/api", "http://u@r", "http://r:x"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_url(text)
