"""A rack with a certificate that is right, and that speaks of what is another rack's."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from evenrack.lab.intruder.impostors import hello
from evenrack.lab.intruder.strangers import ANSWER_SECONDS, box, box_of, dial_with
from evenrack.model.dhcp_report import DhcpReport
from evenrack.model.json_form import to_json

FALSE_WORD = "said by an impostor"
"""Stands in every report that it makes."""


Command = dict[bytes, bytes]


def speak_for_others(
    identity: Path, host: str, port: int, commands: int, about: str
) -> dict[str, object]:
    """Send so many commands about others' links and orders, then say goodbye; tell what came of it.

    `about` is JSON: the rack's own `hostname`, and the `protocol` that it speaks; of others `links`
    by name, and `orders` as number, attempt, phase before, phase after.
    """
    told = {"sent": 0, "answered": 0, "recorded": 0}
    with dial_with(identity, host, port) as connection:
        connection.settimeout(ANSWER_SECONDS)
        with connection.makefile("rb") as words:
            for number, command in enumerate(_said(commands, json.loads(about)), 1):
                connection.sendall(box(command, number))
                answer = _answer(words, number)
                told["sent"] += 1
                told["answered"] += b"_answer" in answer
                told["recorded"] += answer.get(b"recorded") == b"True"
    return dict(told)


def false_words(about: dict[str, Any]) -> Iterator[Command]:
    """Give commands without end: of each link, of each order, and a report."""
    report = json.dumps(to_json(DhcpReport(failed=FALSE_WORD))).encode()
    while True:
        for link in about["links"]:
            yield {b"_command": b"ReportLostLink", b"link": str(link).encode()}
        for order, attempt, before, after in about["orders"]:
            yield {
                b"_command": b"RecordPhase",
                b"order": str(order).encode(),
                b"attempt": str(attempt).encode(),
                b"before": str(before).encode(),
                b"after": str(after).encode(),
            }
        yield {b"_command": b"ReportDhcp", b"report": b"1", b"report.0": report}


def _said(commands: int, about: dict[str, Any]) -> Iterator[Command]:
    yield hello(about["protocol"], about["hostname"])
    yield from islice(false_words(about), commands)
    yield {b"_command": b"Goodbye"}


def _answer(words: BinaryIO, number: int) -> Command:
    """Read on to the answer to a command; what the region asks meanwhile is not answered."""
    while read := box_of(words):
        if read.get(b"_answer", read.get(b"_error")) == str(number).encode():
            break
    return read
