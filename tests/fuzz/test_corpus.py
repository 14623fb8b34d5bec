"""Inputs that a fuzzer found once, and where each target begins: a typed error, and in bounds.

`make fuzz` looks for more; what it finds is put into the corpus with the cure.
"""

import hashlib
import time

import pytest

from tests.fuzz.limits import (
    MOST_MEGABYTES,
    MOST_SECONDS,
    BugLogged,
    LimitPassed,
    in_space,
    in_time,
)
from tests.fuzz.targets import BROKE, CORPUS, TARGETS, corpus_of, load

MOST_BYTES = 2048
MOST_FILES = 24

FOUND = [(name, path) for name in TARGETS for path in corpus_of(name)]
SEEDS = [(name, n) for name in TARGETS for n in range(len(load(name).SEEDS))]


def test_every_target_has_a_corpus_and_every_corpus_a_target():
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert all(corpus_of(name) for name in TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_corpus_is_small_and_its_files_are_named_after_what_is_in_them(name):
    paths = corpus_of(name)
    assert len(paths) <= MOST_FILES
    assert all(path.stat().st_size <= MOST_BYTES for path in paths)
    for path in paths:
        name_of_content = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        assert path.name.removeprefix(BROKE) == name_of_content


@pytest.mark.parametrize(("name", "path"), FOUND, ids=[f"{n}-{p.name}" for n, p in FOUND])
def test_what_was_found_once_is_read_or_refused_in_bounds(name, path):
    in_space(load(name).run, path.read_bytes())
    in_time(load(name).run, path.read_bytes())


@pytest.mark.parametrize(("name", "number"), SEEDS)
def test_where_the_search_begins_is_read_or_refused_in_bounds(name, number):
    in_space(load(name).run, load(name).SEEDS[number])


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_at_all_is_read_or_refused(name):
    in_time(load(name).run, b"")


def test_the_bounds_are_seen():
    def hangs(_data):
        end = time.process_time() + MOST_SECONDS * 1.1
        while time.process_time() < end:
            pass

    def holds(data):
        return data * (MOST_MEGABYTES + 1) * 1_000_000

    with pytest.raises(LimitPassed, match=r"s for 1 bytes"):
        in_time(hangs, b"x")
    with pytest.raises(LimitPassed, match="of memory"):
        in_space(holds, b"x")


def test_a_bug_that_was_caught_and_logged_is_seen(logged_failures):
    from twisted.logger import Logger

    def buggy(_data):
        try:
            {}["a bug"]
        except KeyError:
            Logger().failure("it failed")

    with pytest.raises(BugLogged, match="it failed"):
        in_time(buggy, b"")
    logged_failures.take(KeyError)
