"""Each log event is one line of flat JSON, whatever is in it."""

import io
import json
import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from evenrack.runtime.log_format import json_lines, line_of

EVENT = {"log_time": 1_700_000_000.1234, "log_level": LogLevel.warn, "log_namespace": "evenrack"}


def read(**more):
    line = line_of({**EVENT, **more})
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return json.loads(line, parse_constant=refuse)


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_a_line_says_when_how_bad_what_and_where():
    assert read(log_format="moved {what}", what="rack1") == {
        "time": "2023-11-14T22:13:20.123+00:00",
        "level": "warn",
        "message": "moved rack1",
        "from": "evenrack",
        "what": "rack1",
    }


TEXTS = st.text(st.characters(categories=["L", "N", "C", "Z", "P"]))  # with half characters, too
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary()


@given(st.dictionaries(TEXTS, VALUES, max_size=4), TEXTS)
def test_any_event_is_one_line_that_any_json_reader_reads_and_any_stream_takes(values, words):
    own = {key: value for key, value in values.items() if not key.startswith("log_")}
    line = line_of({**own, **EVENT, "log_format": words})
    read(**own, log_format=words)
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="utf-8", errors="backslashreplace")  # as stderr is
    stream.write(line)
    stream.flush()
    assert json.loads(written.getvalue())["message"] == json.loads(line)["message"]


def test_data_cannot_pose_as_the_lines_own_keys():
    line = read(log_format="x", message="forged", level="info", time="never", **{"from": "y"})
    assert (line["message"], line["level"], line["from"]) == ("x", "warn", "evenrack")


def test_what_is_not_plain_is_left_out_unless_it_is_in_the_message():
    line = read(log_format="{it}", it=["a"], more={"b": 1})
    assert line["message"] == "['a']"
    assert "it" not in line
    assert "more" not in line


def test_numbers_that_json_does_not_know_are_written_as_text():
    assert read(log_format="x", wide=math.inf)["wide"] == "inf"


def test_a_failure_is_told_with_its_traceback_on_the_same_line():
    line = read(log_format="turn failed", log_failure=Failure(ZeroDivisionError("by zero")))
    assert "by zero" in line["failure"]


def test_a_message_that_cannot_be_formatted_is_still_a_line():
    assert "message" in read(log_format="{missing.attribute}")


def test_an_observer_writes_a_line_for_each_event():
    stream = io.StringIO()
    log = Logger(observer=json_lines(stream))
    log.info("one {number}", number=1)
    log.error("two")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "one 1"),
        ("error", "two"),
    ]
