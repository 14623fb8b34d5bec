"""The HTTP client, against a real server on a Unix socket."""

import itertools
import socket
import time
from contextlib import ExitStack

import pytest

from evenrack.client import Client, Repeats, SocketTarget, UrlTarget, parse_url
from evenrack.errors import ApiRefused, OutcomeUnknown, RegionUnreachable
from tests.cli.small_api import small_api
from tests.free_ports import free_tcp_port


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
        client = client_of(tmp_path / "hung.sock", api.path, timeout=3)  # good for the other, too
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


CHANGES = {
    "POST": lambda client: client.post("/api/v1/vlans", {"name": "ö"}),
    "PATCH": lambda client: client.patch("/api/v1/vlans", {"name": "ö"}, if_match="1.7"),
    "DELETE": lambda client: client.delete("/api/v1/vlans", if_match="1.7"),
}


@pytest.fixture(params=CHANGES)
def deed(request):
    """A kind of change: its method, and how the client is asked for it."""
    return request.param, CHANGES[request.param]


def test_a_change_is_sent_once_with_its_body_and_its_condition(serve, deed):
    method, change = deed
    first, second = serve("a.sock"), serve("b.sock")
    first.answer("/api/v1/vlans", {"id": 1}, method=method, status=201)
    assert change(client_of(first.path, second.path)) == {"id": 1}
    body = None if method == "DELETE" else {"name": "ö"}
    condition = None if method == "POST" else '"1.7"'
    assert first.changes == [(method, "/api/v1/vlans", body, condition)]
    assert second.changes == []


def test_a_change_goes_to_the_next_target_when_one_was_not_reached(serve, tmp_path, deed):
    method, change = deed
    api = serve("a.sock")
    api.answer("/api/v1/vlans", {"id": 1}, method=method)
    assert change(client_of(tmp_path / "none.sock", api.path)) == {"id": 1}


def test_a_change_goes_to_the_next_target_when_one_is_cut_from_the_database(serve, deed):
    method, change = deed
    cut, well = serve("a.sock"), serve("b.sock")
    cut.refuse("/api/v1/vlans", 503, "DatabaseUnreachable", "gone", method=method)
    well.answer("/api/v1/vlans", {"id": 1}, method=method)
    assert change(client_of(cut.path, well.path)) == {"id": 1}


def test_a_change_that_is_refused_is_not_tried_elsewhere(serve, deed):
    method, change = deed
    first, second = serve("a.sock"), serve("b.sock")
    first.refuse("/api/v1/vlans", 422, "FieldsRefused", "name: taken", method=method)
    with pytest.raises(ApiRefused, match="name: taken"):
        change(client_of(first.path, second.path))
    assert second.changes == []


def test_a_change_without_an_answer_is_never_repeated_elsewhere(serve, deed):
    method, change = deed
    first, second = serve("a.sock"), serve("b.sock")
    first.say_nothing("/api/v1/vlans", method=method)
    second.answer("/api/v1/vlans", {"id": 1}, method=method)
    client = client_of(first.path, second.path)
    with pytest.raises(OutcomeUnknown, match=r"a\.sock: .*may have been done: look before"):
        change(client)
    assert (len(first.changes), second.changes) == (1, [])
    assert change(client) == {"id": 1}, "the operator's next word goes to another one first"


def test_a_change_to_a_hung_process_has_an_unknown_outcome(serve, tmp_path, deed):
    api = serve("a.sock")
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung.sock"))
        hung.listen(1)  # the kernel accepts, nobody answers: a paused process
        with pytest.raises(OutcomeUnknown, match="does not answer in time"):
            deed[1](client_of(tmp_path / "hung.sock", api.path, timeout=0.2))
    assert api.changes == []


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (502, "text/html", b"<html>"),
        (200, "application/json", b"{"),
        (200, "application/json", b" " * 100),
    ],
)
def test_a_change_with_an_answer_that_says_nothing_has_an_unknown_outcome(
    serve, deed, status, content_type, body
):
    method, change = deed
    api = serve("a.sock")
    api.answer("/api/v1/vlans", body, method=method, status=status, content_type=content_type)
    with pytest.raises(OutcomeUnknown):
        change(client_of(api.path, largest_answer=50))


def test_a_region_process_that_does_not_know_the_outcome_is_believed(serve, deed):
    method, change = deed
    first, second = serve("a.sock"), serve("b.sock")
    first.refuse("/api/v1/vlans", 504, "OutcomeUnknown", "look at the events", method=method)
    with pytest.raises(OutcomeUnknown, match="look at the events"):
        change(client_of(first.path, second.path))
    assert second.changes == []


# Changes that may be repeated


def with_key(*paths, pause=time.sleep):
    """A client that gives each change a key: k1, k2, ..."""
    numbers = itertools.count(1)
    repeats = Repeats(new_key=lambda: f"k{next(numbers)}", pause=pause)
    return client_of(*paths, repeats=repeats)


def order(client):
    return client.post("/api/v1/orders", {})


def test_a_change_with_a_key_is_asked_of_the_next_when_one_does_not_answer(serve):
    first, second = serve("a.sock"), serve("b.sock")
    first.say_nothing("/api/v1/orders", method="POST")
    second.answer("/api/v1/orders", [7], method="POST", status=201)
    assert order(with_key(first.path, second.path)) == [7]
    assert (first.keys, second.keys) == (["k1"], ["k1"])


@pytest.mark.parametrize("status", [503, 504])
def test_a_change_with_a_key_is_asked_again_of_one_that_could_not_do_it_or_does_not_know(
    serve, status
):
    first, second = serve("a.sock"), serve("b.sock")
    code = {503: "DatabaseUnreachable", 504: "OutcomeUnknown"}[status]
    first.refuse("/api/v1/orders", status, code, "not now", method="POST")
    second.answer("/api/v1/orders", [7], method="POST", status=201)
    assert order(with_key(first.path, second.path)) == [7]


def test_a_change_with_a_key_that_nobody_answers_was_asked_twice_and_is_unknown(serve, tmp_path):
    api = serve("a.sock")
    api.say_nothing("/api/v1/orders", method="POST")
    with pytest.raises(OutcomeUnknown, match="may have been done"):
        order(with_key(api.path, tmp_path / "none.sock"))
    assert api.keys == ["k1", "k1"]


def test_a_change_that_is_under_way_is_asked_for_again_in_a_moment(serve):
    api = serve("a.sock")
    api.refuse("/api/v1/orders", 503, "StillUnderWay", "in a moment", method="POST")
    waited = []

    def pause(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            api.answer("/api/v1/orders", [7], method="POST", status=201)

    assert order(with_key(api.path, pause=pause)) == [7]
    assert (len(waited), api.keys) == (3, ["k1"] * 4)


def test_a_change_that_stays_under_way_has_an_unknown_outcome(serve):
    api = serve("a.sock")
    api.refuse("/api/v1/orders", 503, "StillUnderWay", "in a moment", method="POST")
    waited = []
    with pytest.raises(OutcomeUnknown, match="still under way; the change may have been done"):
        order(with_key(api.path, pause=waited.append))
    assert sum(waited) <= 10


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_done(serve):
    first, second = serve("a.sock"), serve("b.sock")
    first.say_nothing("/api/v1/orders", method="POST")
    second.refuse("/api/v1/orders", 409, "OrderUnderWay", "busy", method="POST")
    with pytest.raises(OutcomeUnknown):
        order(with_key(first.path, second.path))


def test_a_refusal_of_a_change_with_a_key_is_final(serve):
    first, second = serve("a.sock"), serve("b.sock")
    first.refuse("/api/v1/orders", 409, "OrderUnderWay", "busy", method="POST")
    with pytest.raises(ApiRefused, match="busy"):
        order(with_key(first.path, second.path))
    assert second.keys == []


def test_every_change_has_a_key_of_its_own_and_is_asked_of_the_next_after_a_lost_answer(serve):
    first, second = serve("a.sock"), serve("b.sock")
    for method in ("POST", "PATCH", "DELETE"):
        first.say_nothing("/api/v1/vlans", method=method)
        second.answer("/api/v1/vlans", {"id": 7}, method=method)
    client = with_key(first.path, second.path)
    assert client.post("/api/v1/vlans", {}) == {"id": 7}
    client = with_key(first.path, second.path)
    assert client.patch("/api/v1/vlans", {}, "1.2") == {"id": 7}
    client = with_key(first.path, second.path)
    assert client.delete("/api/v1/vlans", "1.2") == {"id": 7}
    assert client.delete("/api/v1/vlans") == {"id": 7}
    assert first.changes == second.changes[:3]
    assert second.keys == ["k1", "k1", "k1", "k2"]


@pytest.mark.parametrize("older", ["first", "second"])
def test_a_change_is_not_repeated_where_a_process_of_the_version_before_would_do_it_twice(
    serve, older
):
    apis = {"first": serve("a.sock"), "second": serve("b.sock")}
    first, second = apis.values()
    apis[older].is_of_the_version_before()
    first.say_nothing("/api/v1/vlans", method="POST")
    second.answer("/api/v1/vlans", {"id": 7}, method="POST")
    with pytest.raises(OutcomeUnknown):
        with_key(first.path, second.path).post("/api/v1/vlans", {})
    assert second.keys == []
    second.answer("/api/v1/orders", [7], method="POST", status=201)
    first.say_nothing("/api/v1/orders", method="POST")
    assert order(with_key(first.path, second.path)) == [7], "those know orders by their keys"


def test_what_was_done_but_is_answered_once_only_is_told_as_done(serve):
    first, second = serve("a.sock"), serve("b.sock")
    first.say_nothing("/api/v1/tokens", method="POST")
    second.refuse("/api/v1/tokens", 409, "AnswerNotKept", "make another", method="POST")
    with pytest.raises(ApiRefused, match="make another"):
        with_key(first.path, second.path).post("/api/v1/tokens", {})


def test_when_nobody_is_reached_nothing_was_changed(tmp_path, deed):
    with pytest.raises(RegionUnreachable, match=r"none\.sock: no such file"):
        deed[1](client_of(tmp_path / "none.sock"))


def test_an_address_on_the_network_is_asked_over_tcp():
    port = free_tcp_port()
    client = Client([UrlTarget(host="127.0.0.1", port=port)], timeout=1)
    with pytest.raises(RegionUnreachable, match=f"http://127.0.0.1:{port}: connection refused"):
        client.get("/healthz")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://region1", UrlTarget(host="region1", port=5240)),
        ("http://region1:80/", UrlTarget(host="region1", port=80)),
        ("http://[fd00::1]:5240", UrlTarget(host="fd00::1", port=5240)),
        ("https://region1", UrlTarget(host="region1", port=5240, tls=True)),
    ],
)
def test_addresses_are_read(text, meant):
    assert parse_url(text) == meant
    assert parse_url(str(meant)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "region1:5240",
        "ftp://region1",
        "http://",
        "https://",
        "http://r/api",
        "http://u@r",
        "http://r:x",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_url(text)
