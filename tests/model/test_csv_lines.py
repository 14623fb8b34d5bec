"""The reader of CSV: every row or what is wrong with it, whatever the bytes are."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.model.csv_lines import MOST_BYTES, MOST_LINES, FileRefused, read_lines


def number(text):
    return int(text)


COLUMNS = {"name": str, "size": number, "note": str}


def read(text, required=("name", "size")):
    content = text if isinstance(text, bytes) else text.encode()
    return read_lines(content, COLUMNS, required=required)


def values(text):
    lines = read(text)
    assert lines.problems == ()
    return [(row.line, dict(row.values)) for row in lines.rows]


def problems(text):
    return [problem.sentence for problem in read(text).problems]


def refusal(text):
    with pytest.raises(FileRefused) as refused:
        read(text)
    return [problem.sentence for problem in refused.value.problems]


CELL = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=8)
TEXTS = st.lists(
    st.sampled_from(["name", "size", "note", ",", '"', "\n", "\r\n", "#", " ", "7", "\ufeff", "\0"])
    | CELL
).map("".join)


@given(st.binary() | TEXTS.map(str.encode) | TEXTS.map(lambda text: f"name,size\n{text}".encode()))
def test_whatever_the_bytes_are_there_are_rows_and_problems_or_a_refusal(content):
    try:
        lines = read(content)
    except FileRefused as refused:
        told = refused.problems
        lines = None
    else:
        told = lines.problems
        assert all(set(row.values) >= {"name", "size"} for row in lines.rows)
        bad, good = {each.line for each in told}, {row.line for row in lines.rows}
        assert not bad & good
    assert lines is not None or told
    last = content.count(b"\n") + 1
    assert all(1 <= each.line <= last and each.detail for each in told)


ROWS = st.lists(st.tuples(CELL.map(str.strip), st.integers(), CELL.map(str.strip)))


@given(
    ROWS, st.permutations(["name", "size", "note"]), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_what_a_program_wrote_is_read_as_it_was_in_any_order_of_columns(rows, order, end, mark):
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(order)
    for name, size, note in rows:
        row = {"name": name, "size": size, "note": note}
        writer.writerow([row[column] for column in order])
    text = ("\ufeff" if mark else "") + written.getvalue()
    assert [(v["name"], v["size"], v["note"]) for _, v in values(text)] == rows


def test_empty_lines_and_comments_are_skipped_and_counted():
    text = "# made by hand\n\n Size , NAME\n  # more\r\n7,a\n\n8 , b \n"
    assert values(text) == [(5, {"name": "a", "size": 7}), (7, {"name": "b", "size": 8})]


def test_a_value_with_a_comma_a_quote_or_a_sign_of_comments_stands_in_quotes():
    assert values('name,size\n"a,""b""", 7\n"#c", 8') == [
        (2, {"name": 'a,"b"', "size": 7}),
        (3, {"name": "#c", "size": 8}),
    ]


def test_all_that_is_wrong_is_told_with_its_line_and_column():
    lines = read('name,size,note\na,x,\nb,7\nc,7,,\n"d,7,\ne,y,\nf,7,fine\n')
    assert [row.values["name"] for row in lines.rows] == ["f"]
    assert [(each.line, each.field) for each in lines.problems] == [
        *((2, "size"), (3, ""), (4, ""), (5, ""), (6, "size"))
    ]
    assert lines.problems[0].sentence.startswith("line 2, size: invalid literal")
    assert lines.problems[1].sentence == (
        "line 3: 2 values, and the header names 3 columns; write an empty value all the same"
    )
    assert "a value with a comma needs quotes" in lines.problems[2].sentence
    assert "see its quotes" in lines.problems[3].sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: no header; the first line names the columns, in any order: name,size,note"),
        ("# only\n\n", "line 1: no header"),
        ("name,sise\n", 'line 1: "sise" is no column, did you mean size?'),
        ("name,size,volume\n", 'line 1: "volume" is no column; '),
        ("name,size,name\n", "line 1: the column name is named twice; remove one"),
        ("\nname\n", "line 2: the column size is missing"),
        ("name;size\n", 'line 1: "name;size" is no column; between columns stand commas'),
        ("name,size,\n", 'line 1: "" is no column'),
        ('"name\n', "line 1: this is no CSV"),
        (b"name,size\na,7\n\xff,8\n", "line 3: this is no UTF-8"),
    ],
)
def test_a_file_without_a_useful_header_is_refused_as_a_whole(text, told):
    assert refusal(text)[0].startswith(told)


def test_a_header_with_several_mistakes_tells_all_of_them():
    assert len(refusal("nam,note,note\n")) == 4


def test_of_columns_that_take_each_others_place_one_has_to_be_there():
    def names(text):
        read_lines(text, COLUMNS, required=("name",), one_of=("size", "note"))

    for header in (b"name,size\n", b"note,name\n", b"name,size,note\n"):
        names(header)
    with pytest.raises(FileRefused) as refused:
        names(b"nam\n")
    told = [problem.sentence for problem in refused.value.problems]
    assert [words.split(";")[0] for words in told[1:]] == [
        *("line 1: the column name is missing", "line 1: the column size or note is missing")
    ]


def test_a_file_may_have_so_many_lines_and_bytes_and_no_more():
    full = b"name,size\n" + b"a,7\n" * (MOST_LINES - 1)
    assert len(read(full).rows) == MOST_LINES - 1
    assert refusal(full + b"#") == [
        f"line {MOST_LINES + 1}: the file has over 100000 lines; import it in parts"
    ]
    line = b"#" * (MOST_BYTES - 10) + b"\nname,size"
    assert read(line).rows == ()
    assert refusal(line + b"\n") == ["line 1: the file has over 16 MiB; import it in parts"]
