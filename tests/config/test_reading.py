"""Any settings class from any file: strict, and every problem at once."""

import math
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from evenrack.config.limits import between
from evenrack.config.reading import Rule, load_settings, setting_paths
from evenrack.errors import ConfigurationRefused
from evenrack.model.host_port import HostPort


def ordered(lowest, highest):
    if lowest > highest:
        yield "highest", f"{highest} is below {lowest}"


def quiet_inside(loud, lowest):
    if not loud and lowest > 5:
        yield "inner.lowest", "needs loud"


@frozen(kw_only=True)
class Inner:
    RULES: ClassVar = (Rule(("lowest", "highest"), ordered),)

    lowest: int = field(default=1, validator=between(0, 100, "steps"))
    highest: int = field(default=9, validator=between(0, 100, "steps"))


@frozen(kw_only=True)
class Outer:
    RULES: ClassVar = (Rule(("loud", "inner.lowest"), quiet_inside),)

    database: str = field(repr=False)
    name: str = "outer"
    loud: bool = False
    share: float = 0.5
    folder: Path = Path("/folder")
    names: tuple[str, ...] = ()
    ends: tuple[HostPort, ...] = ()
    inner: Inner = Inner()


@pytest.fixture
def read(tmp_path):
    def read_text(text, **more):
        path = tmp_path / "some.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(path, Outer, **more)

    return read_text


@pytest.fixture
def problems(read):
    def problems_of(text):
        with pytest.raises(ConfigurationRefused) as refusal:
            read(text)
        assert refusal.value.__cause__ is None
        assert refusal.value.__context__ is None, "the library's error holds what the file says"
        return list(refusal.value.problems)

    return problems_of


@pytest.fixture
def problems_with(problems):
    """The same, in a file that has the required setting already."""
    return lambda text: problems(f"database: x\n{text}")


def test_left_out_settings_have_their_defaults(read):
    assert read("database: x") == Outer(database="x")


def test_every_kind_of_value_is_read(read):
    settings = read(
        "{database: a b, name: n, loud: true, share: 2, folder: /f, names: [a, b],"
        ' ends: ["[::1]:5", "r1:6"], inner: {lowest: 2, highest: 3}}'
    )
    assert settings == Outer(
        database="a b",
        name="n",
        loud=True,
        share=2.0,
        folder=Path("/f"),
        names=("a", "b"),
        ends=(HostPort(host="::1", port=5), HostPort(host="r1", port=6)),
        inner=Inner(lowest=2, highest=3),
    )
    assert isinstance(settings.share, float)


def test_a_section_with_every_line_commented_out_has_its_defaults(read):
    assert read("database: x\ninner:\n#  lowest: 3\n") == Outer(database="x")


def test_the_caller_can_give_defaults_and_the_file_wins(read):
    assert read("database: x", defaults={"name": "host"}).name == "host"
    assert read("database: x\nname: mine", defaults={"name": "host"}).name == "mine"


def test_every_problem_is_reported_at_once_with_its_path(problems):
    text = """
nam: typo
name: 12
loud: "yes"
share: .nan
folder: here
names: [fine, 3]
ends: ["r1:5", "https//r2", {a: 1}]
inner: {lowest: 200, hihgest: 1, highest: 2.5}
name: again
"""
    assert problems(text) == [
        "line 10: name is already set on line 3",
        "database: is required, and missing",
        "loud: is text; true or false is needed",
        "share: is not a finite number",
        'folder: "here" is not an absolute path',
        "names[1]: is a number; text, in quotes, is needed",
        'ends[1]: "https//r2" is not host:port',
        "ends[2]: is a section of settings; text is needed",
        "inner.lowest: 200 is not 0 to 100 steps",
        "inner.highest: is a number; a whole number, without a point, is needed",
        "inner.hihgest: unknown setting; did you mean highest?",
        "nam: unknown setting; did you mean name?",
    ]


def test_rules_are_asked_whatever_else_is_wrong(problems):
    assert problems("inner: {lowest: 50, unknown: 1}\nloud: false\nshare: x") == [
        "database: is required, and missing",
        "share: is text; a number is needed",
        "inner.unknown: unknown setting",
        "inner.highest: 9 is below 50",
        "inner.lowest: needs loud",
    ]


@pytest.mark.parametrize("inner", ["5", "{lowest: x}", "[1]"])
def test_a_rule_is_not_asked_when_what_it_needs_cannot_be_read(problems_with, inner):
    assert len(problems_with(f"inner: {inner}")) == 1


def test_a_setting_in_the_wrong_section_is_told_where_it_belongs(problems_with):
    assert problems_with("lowest: 3") == ["lowest: unknown setting; did you mean inner.lowest?"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('inner: {lowest: "1"}', "inner.lowest: is text; a whole number is needed"),
        ("inner: {lowest: true}", "inner.lowest: is a yes or no; a whole number is needed"),
        ("share: true", "share: is a yes or no; a number is needed"),
        ('share: "0.5"', "share: is text; a number is needed"),
        ("share: .inf", "share: is not a finite number"),
        (f"share: 1{'0' * 400}", "share: is not a finite number"),
        ("loud: 1", "loud: is a number; true or false is needed"),
        ("name: no", "name: is a yes or no; text, in quotes, is needed"),
        ("name: 2020-01-01", "name: is a date; text, in quotes, is needed"),
        ("name:", "name: is empty; text is needed"),
        ('name: " "', "name: is empty"),
        ("name: [a]", "name: is a list; text is needed"),
        ("names: abc", "names: is text; a list, as in [first, second], is needed"),
        ("names:", "names: is empty; a list, as in [first, second], is needed"),
        ("inner: [1]", "inner: is a list; a section of settings is needed"),
        ("1: x", "(a number as a name): unknown setting"),
        ('"a b": x', '"a b": unknown setting'),
    ],
)
def test_nothing_is_converted_and_each_refusal_says_what_is_needed(problems_with, line, problem):
    assert problems_with(line) == [problem]


def test_a_number_too_long_to_print_is_refused_without_it(problems_with):
    assert problems_with(f"inner: {{lowest: 0x{'f' * 9000}}}") == [
        "inner.lowest: this number is not 0 to 100 steps"
    ]


@pytest.mark.parametrize("escape", [r"a\nb", r"a\u001bb", r"a\ud800"])
def test_a_text_that_could_break_a_log_line_is_refused(problems_with, escape):
    (problem,) = problems_with(f'name: "{escape}"')
    assert problem.isprintable()
    assert problem.isascii()


# What is not YAML, or not a file


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "{}"])
def test_an_empty_file_lacks_what_is_required(problems, text):
    assert problems(text) == ["database: is required, and missing"]


@pytest.mark.parametrize(
    ("text", "kind"), [("- a\n- b", "a list"), ("word", "text"), ("5", "a number")]
)
def test_a_file_that_is_no_section_is_refused(problems, text, kind):
    assert problems(text) == [f"the file is {kind}; a section of settings is needed"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a: b", "line 1, column 8: mapping values are not allowed here"),
        ("a: x\n\tb: 1", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("name: x\nnames: [a", "line 2, column 10: expected ',' or ']', but got '<stream end>'"),
        (
            "a: 1\n---\nb: 2",
            "line 2, column 1: expected a single document in the stream, "
            "but found another document",
        ),
        ("a: 1\nb: \x07", "line 2, column 4: a character that YAML does not allow"),
        ("\x00", "line 1, column 1: a character that YAML does not allow"),
        ("a: &x 1\nb: *x", "line 2, column 4: references (*name) are refused"),
        ("? [a]\n: 1", "line 1, column 3: found unhashable key"),
        ("a: =", "line 1, column 4: could not determine a constructor for the tag this"),
        ("a: !!int 5", "line 1, column 4: tags (!name) are refused"),
        ("[" * 2_000, "is nested too deeply"),
    ],
)
def test_yaml_that_cannot_be_read_is_refused_with_line_and_column(problems, text, problem):
    assert problems(text) == [problem]


@pytest.mark.parametrize("scalar", ["2001-02-31", "0x_", "9" * 5000, f"1{':00' * 300}.5"])
def test_what_yaml_takes_for_a_number_or_date_and_cannot_convert_is_refused(problems, scalar):
    (problem,) = problems(f"name: {scalar}")
    assert problem.startswith("line 1, column 7: this is no usable number or date")


def test_a_setting_that_is_there_twice_is_refused_with_both_lines(problems):
    assert problems("database: a\nname: b\ninner:\n  lowest: 1\n  lowest: 2\ndatabase: c\n") == [
        "line 6: database is already set on line 1",
        "line 5: lowest is already set on line 4",
    ]


def test_files_that_cannot_be_read_are_refused(tmp_path):
    large, not_text = tmp_path / "large.conf", tmp_path / "not-text.conf"
    large.write_bytes(b"#" * (2 << 20))
    not_text.write_bytes(b"name: \xff\xfe")
    found = {
        tmp_path / "none.conf": "there is no such file",
        tmp_path: "is a folder, not a file",
        large: "is larger than 1048576 bytes",
        not_text: "is not UTF-8 text: see byte 7",
        not_text / "below": "cannot be read: Not a directory",
    }
    for path, problem in found.items():
        with pytest.raises(ConfigurationRefused) as refusal:
            load_settings(path, Outer)
        assert str(refusal.value) == f"{path}: 1 problem\n  {problem}"
        assert refusal.value.__context__ is None


@pytest.mark.parametrize("value", ["", "''", "' '"])
def test_a_required_text_cannot_be_empty(problems, value):
    (problem,) = problems(f"database: {value}")
    assert problem.startswith("database: is empty")


def test_a_byte_order_mark_does_no_harm(read):
    assert read("\ufeffdatabase: x") == Outer(database="x")


# Secrets

PASSWORDS = [
    "database: [SESAME]",
    "database: {SESAME: SESAME}",
    'database: "SESAME\\0"',
    'database: "SESAME\\ud800"',
    "database: *SESAME",
    "database: !SESAME x",
    "database: &SESAME x\nname: &SESAME x",
    "database: 'SESAME",
    'database: "\\qSESAME"',
    "database: SESAME: SESAME",
    "database: 'x' SESAME",
    "name: host=/run password=SESAME",
    "name: postgresql://user:SESAME@host/evenrack",
    "ends: ['password=SESAME']",
    "folder: 'host=x password = SESAME'",
    "host=x password=SESAME: x",
    "host=x password=SESAME: x\nhost=x password=SESAME: x",
    "host=x password=SESAME",
    "%SESAME x\n--- [",
]


@pytest.mark.parametrize("text", PASSWORDS)
def test_no_problem_repeats_a_password(problems, text):
    assert "SESAME" not in "\n".join(problems(text))


def test_settings_do_not_show_what_is_hidden(read):
    assert "SESAME" not in repr(read("database: SESAME"))


def test_a_hidden_text_may_be_what_another_may_not(read):
    assert read('database: "a\\tpassword=b"').database == "a\tpassword=b"


# Any text at all

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from([math.nan, "r1:5", "/f", 10**400]),
)
KEYS = st.one_of(
    st.sampled_from([*setting_paths(Outer), "inner", "lowest", "highest"]), st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.one_of(st.text(), st.text(alphabet="{}[]:,-#&*!|>'\"%@`?=<.0x\n ab")))
def test_any_text_gives_settings_or_a_refusal(tmp_path_factory, text):
    assert_settings_or_refusal(tmp_path_factory, text.encode(errors="surrogatepass"))


@given(st.binary())
def test_any_bytes_give_settings_or_a_refusal(tmp_path_factory, content):
    assert_settings_or_refusal(tmp_path_factory, content)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_values_give_settings_or_a_refusal(tmp_path_factory, values):
    import yaml

    text = yaml.safe_dump(values, allow_unicode=True)
    assert_settings_or_refusal(tmp_path_factory, text.encode(errors="surrogatepass"))


def assert_settings_or_refusal(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(content)
    outcome = settings_or_refusal(path)
    if isinstance(outcome, ConfigurationRefused):
        assert outcome.problems
        assert all(problem.isprintable() for problem in outcome.problems)
    else:
        assert isinstance(outcome, Outer)


def settings_or_refusal(path):
    try:
        return load_settings(path, Outer)
    except ConfigurationRefused as refusal:
        return refusal
