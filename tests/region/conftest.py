"""What the tests of whole processes need."""

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from evenrack.region.database.schema import upgrade


class Log:
    """What was logged, and at which level."""

    def __init__(self):
        self.lines = []

    def observe(self, event):
        name = event["log_level"].name if "log_level" in event else "info"
        if event.get("log_namespace", "").startswith("evenrack"):
            self.lines.append((name, formatEvent(event)))

    def about(self, *words, level=None):
        return [
            line
            for name, line in self.lines
            if all(word in line for word in words) and level in (None, name)
        ]


@pytest.fixture
def log():
    """Everything that our code logs during the test."""
    log = Log()
    globalLogPublisher.addObserver(log.observe)
    yield log
    globalLogPublisher.removeObserver(log.observe)


@pytest.fixture
def own_migrated_server(own_postgres_server):
    """A server of one's own, to hurt, with the schema in it; and how it is reached."""
    dsn = own_postgres_server.dsn()
    upgrade(dsn)
    return own_postgres_server, dsn
