"""Running commands inside this program, with clocks that only sleeping moves."""

from datetime import UTC, datetime

import pytest

from evenrack.cli.main import run
from evenrack.cli.session import Surroundings
from evenrack.lab.clocks import Clocks


class Hours:
    """A clock that only sleeping moves, and that ends in Ctrl-C."""

    def __init__(self, sleeps):
        self.sleeps_left = sleeps
        self.now = 0.0

    def sleep(self, seconds):
        if self.sleeps_left == 0:
            raise KeyboardInterrupt
        self.sleeps_left -= 1
        self.now += seconds


@pytest.fixture
def surroundings(tmp_path):
    hours = Hours(sleeps=2)
    return Surroundings(
        environment={"HOME": str(tmp_path)},
        clocks=Clocks(
            seconds=lambda: hours.now,
            sleep=hours.sleep,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        ),
        programs=tmp_path,
        terminal=False,
        run_folder=tmp_path,
    )


@pytest.fixture
def call(surroundings, capsys):
    def call(*arguments):
        code = run(arguments, surroundings)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call
