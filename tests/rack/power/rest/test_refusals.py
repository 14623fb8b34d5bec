"""Each answer that is no yes is one of three classes of error."""

import json

import pytest

from evenrack.errors import BmcBusy, BmcRefused, BmcRefusedPassword, BmcSilent
from evenrack.rack.power.rest.refusals import OK, login_refusal, refusal


def told(name, text="Because."):
    extended = [{"MessageId": f"Base.1.8.{name}", "Message": text}]
    return json.dumps({"error": {"@Message.ExtendedInfo": extended}}).encode()


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (BmcRefusedPassword, (401,)),
        (BmcRefused, (301, 302, 307, 308, 400, 403, 404, 405, 410, 418, 499, 501, 505)),
        (BmcBusy, (408, 409, 412, 423, 425, 429, 503)),
    ],
)
def test_an_answer_that_says_no_has_done_nothing(kind, statuses, changes):
    for status in statuses:
        found = refusal(status, b"", "On", changes=changes)
        assert type(found) is kind
        assert str(status) in str(found)


@pytest.mark.parametrize("status", [500, 502, 504, 507, 599, 999, 0])
def test_what_broke_may_have_been_done_where_it_was_told_to_do_something(status):
    assert type(refusal(status, b"", "On", changes=True)) is BmcSilent
    assert type(refusal(status, b"", "its system")) is BmcBusy


def test_the_words_of_the_bmc_are_told():
    assert str(refusal(400, told("A"), "On")) == (
        "the BMC refuses On: it does not take that: Because. (HTTP 400)"
    )
    hidden = refusal(503, told("A", "no s3cret"), "On", hidden=("s3cret",))
    assert "s3cret" not in str(hidden)


def test_a_session_that_is_refused_says_why():
    assert type(login_refusal(400, told("SessionLimitExceeded"))) is BmcBusy
    assert type(login_refusal(400, told("UnauthorizedLoginAttempt"))) is BmcRefusedPassword
    assert type(login_refusal(401, b"")) is BmcRefusedPassword
    assert type(login_refusal(403, b"")) is BmcRefused
    assert type(login_refusal(503, b"")) is BmcBusy
    assert type(login_refusal(500, b"")) is BmcBusy
    assert not OK & {401, 403, 500}
