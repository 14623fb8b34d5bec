"""Requests are told apart by everything that is asked, and nothing else."""

from attrs import evolve

from evenrack.region.request_marks import AskedRequest, key_id_of

ONE = AskedRequest(
    asker_kind="token",
    method="PATCH",
    path="/api/v1/bmcs/b1",
    arguments={"plan": ["true"], "by": ["a", "b"]},
    if_match='"1.2"',
    json=b'{"name": "b2", "password": "calvin"}',
    file=b"name",
)
OTHERS = [
    evolve(ONE, asker_kind="user"),
    evolve(ONE, method="POST"),
    evolve(ONE, path="/api/v1/bmcs/b2"),
    evolve(ONE, arguments={"plan": ["true"], "by": ["b", "a"]}),
    evolve(ONE, arguments={}),
    evolve(ONE, if_match=None),
    evolve(ONE, json=b'{"name": "b2", "password": "calvim"}'),
    evolve(ONE, json=b""),
    evolve(ONE, file=b"names"),
]


def marks(requests):
    return {each.plain_mark() for each in requests} | {
        each.keyed_mark("k", b"k") for each in requests
    }


def test_requests_that_differ_in_anything_have_other_marks():
    assert len(marks([ONE, *OTHERS])) == 2 * (1 + len(OTHERS))


def test_blanks_and_the_order_of_names_make_no_other_request():
    again = evolve(
        ONE,
        arguments={"by": ["a", "b"], "plan": ["true"]},
        json=b'{"password":"calvin","name":"b2"}',
    )
    assert marks([again]) == marks([ONE])


def test_a_mark_under_a_key_names_it_and_is_another_under_another():
    mark = ONE.keyed_mark("k1", b"1" * 32)
    assert key_id_of(mark) == "k1"
    assert key_id_of(ONE.plain_mark()) is None
    assert mark.rpartition(":")[2] != ONE.keyed_mark("k1", b"2" * 32).rpartition(":")[2]
    assert key_id_of("0f1e2d") is None, "as a program of before wrote it"


def test_nothing_shows_what_a_request_holds():
    assert "calvin" not in repr(ONE)
