"""Statements from typed values: what is no name cannot become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenrack.rack.dhcp.statements import Name, Quoted, block, statement
from tests.rack.dhcp.literals import literals


@pytest.mark.parametrize("text", ["", "a b", "a;", "a\n", "ä", '"', "x" * 256])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match="is not a name for dhcpd"):
        Name(text)


@given(st.binary(max_size=1024))
def test_a_literal_stands_for_its_bytes_and_is_plain_ascii_on_one_line(content):
    text = str(Quoted(what="it", content=content))
    assert literals(text) == [content]
    assert text.isascii()
    assert text.isprintable()


def test_only_quotes_backslashes_and_what_is_not_printable_are_escaped():
    content = bytes(range(0x1E, 0x80))
    escaped = {0x1E: "\\036", 0x1F: "\\037", 0x22: "\\042", 0x5C: "\\134", 0x7F: "\\177"}
    text = "".join(escaped.get(byte, chr(byte)) for byte in content)
    assert str(Quoted(what="it", content=content)) == f'"{text}"'


def test_blocks_in_blocks_are_indented():
    assert block("a", statement("b", 1), block("c", statement("d"))) == (
        "a {\n  b 1;\n  c {\n    d;\n  }\n}\n"
    )


def test_a_block_of_nothing_is_empty():
    assert block("a") == "a {\n}\n"
