"""A reader of string literals in dhcpd.conf, written from dhcpd.conf(5) and not from our writer."""

import re

LITERAL = re.compile(r'"((?:[^"\\]|\\[0-7]{3})*)"')


def literals(text):
    """Give the bytes that each literal in the text stands for, in order."""
    return [_read(content) for content in LITERAL.findall(text)]


def without_literals(text):
    """Leave of the text what dhcpd takes as statements."""
    return LITERAL.sub("<literal>", text)


def _read(content):
    return re.sub(
        rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), content.encode("ascii")
    )
