"""What the tests of conversations share."""

import pytest
from twisted.logger import formatEvent, globalLogPublisher


@pytest.fixture
def logged():
    """Gives the messages that were logged so far."""
    events = []
    globalLogPublisher.addObserver(events.append)
    yield lambda: [formatEvent(event) for event in events]
    globalLogPublisher.removeObserver(events.append)
