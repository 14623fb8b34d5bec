"""Pages as text: nothing cut off, no drawing characters, problems first."""

from evenrack.cli.show import (
    Line,
    Table,
    event_text,
    moves_table,
    object_page,
    page_text,
    racks_table,
    status_page,
    table_text,
)

STATUS = {
    "generation": 12,
    "era": 1,
    "leader": "region1/1",
    "database": {"state": "ok", "detail": ""},
    "problems": [
        {
            "code": "RackLost",
            "object": "rack:abcd1234",
            "since": "2026-01-01T00:00:00.000Z",
            "affects": "rack1",
            "do": "See whether the rack host runs.",
        }
    ],
    "survives": {"yes": False, "not": [{"part": "region:region1", "why": "1 rack would go"}]},
    "regions": [
        {
            "id": "region1",
            "hostname": "region1",
            "state": "running",
            "racks_managed": 1,
            "processes": [
                {
                    "id": "region1/1",
                    "pid": 7,
                    "state": "running",
                    "racks_managed": 1,
                    "connections": 2,
                },
                {
                    "id": "region1/2",
                    "pid": 8,
                    "state": "dead",
                    "racks_managed": 0,
                    "connections": 0,
                },
            ],
        }
    ],
    "racks": [
        {
            "id": "abcd1234",
            "hostname": "rack1",
            "failure_domain": "",
            "state": "degraded",
            "connections": 2,
            "processes_connected": 1,
            "processes_live": 2,
            "managed_by": None,
            "applied_generation": "1.12",
        }
    ],
}


def test_status_shows_problems_first_then_the_three_questions_then_the_rest():
    text = page_text(status_page(STATUS))
    order = ["problems:", "RackLost", "regions:", "region1/2", "racks:", "leader: region1/1"]
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
    assert "1 of 2 processes" in text
    assert "  1 of 2  " in text
    assert "nobody" in text
    assert "its own" in text
    assert "database: ok\n" in text
    assert "survives the next loss: no: region:region1: 1 rack would go" in text
    assert "generation: 1.12" in text


def test_without_problems_it_says_so():
    assert page_text(status_page({**STATUS, "problems": []})).startswith("problems: none\n")


def test_a_lost_database_and_no_leader_are_said():
    lost = {"state": "unreachable", "detail": "connection refused"}
    text = page_text(status_page({**STATUS, "leader": None, "database": lost}))
    assert "leader: nobody" in text
    assert "database: unreachable (connection refused)" in text


def test_nothing_is_cut_off():
    name = "r" * 300
    table = Table(title="t", columns=("name", "n"), rows=[(name, 1), ("s", 20)])
    lines = table_text(table).splitlines()
    assert name in lines[2]
    assert lines[3].endswith(" 20")
    assert lines[2].endswith("  1")


def test_a_hostile_name_draws_no_line_and_moves_no_cursor():
    rack = {**STATUS["racks"][0], "hostname": "a\n\x1b[2Jb"}
    text = table_text(racks_table([rack]))
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert r"a\n\x1b[2Jb" in text


def test_one_object_is_lines_and_its_lists_are_tables():
    text = page_text(object_page(STATUS["regions"][0]))
    assert "racks managed: 1\n" in text
    assert "processes:\n" in text
    assert text.index("hostname: region1") < text.index("processes:")


def test_values_of_every_kind_are_text():
    page = object_page({"a": None, "b": True, "c": {"d": False}, "e": ["x", "y"], "f": []})
    text = page_text(page)
    assert "a: -\nb: yes\nc: d no" in text
    assert "x" in text
    assert text.endswith("f: none")


def test_an_event_is_one_line_with_its_reason():
    event = {
        "at": "2026-01-01T00:00:00.000Z",
        "kind": "move",
        "object": "rack:abcd1234",
        "text": "rack1 is managed by region1/2",
        "data": {"reason": "region1/1 died"},
    }
    assert event_text(event).endswith("rack1 is managed by region1/2 (region1/1 died)")
    assert "\n" not in event_text({**event, "text": "two\nlines"})


def test_moves_say_from_to_and_why():
    move = {
        "at": "2026-01-01T00:00:00.000Z",
        "what": "managing",
        "item": "abcd1234",
        "name": "rack1",
        "from": None,
        "to": "region1/2",
        "forced": True,
        "reason": "it had no manager",
    }
    text = table_text(moves_table([move]))
    assert "nobody" in text
    assert "forced" in text
    assert "it had no manager" in text
    assert table_text(moves_table([])) == "no moves yet"


def test_lines_before_a_table_stand_apart():
    blocks = [Line(name="a", value="b"), Table(title="t", columns=("c",), rows=[])]
    assert page_text(blocks) == "a: b\n\nt: none"


def test_a_list_inside_a_table_is_one_cell_and_surviving_is_said_in_a_word():
    page = object_page({"rows": [{"n": ["x", "y"], "m": []}]})
    assert "x, y" in page_text(page)
    survives = {"yes": True, "not": []}
    text = page_text(status_page({**STATUS, "survives": survives}))
    assert "survives the next loss: yes" in text
