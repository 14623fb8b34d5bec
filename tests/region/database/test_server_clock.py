"""The database's clock, whatever a host's says."""

from datetime import timedelta

import pytest

from evenrack.region.database.server_clock import read_clock

pytestmark = pytest.mark.postgres


def test_the_clock_goes_on_within_a_transaction_and_knows_its_time_zone(sessions):
    def work(connection):
        return [read_clock(connection) for _ in range(2)]

    before = sessions.value("SELECT clock_timestamp()")
    first, second = sessions.run(work)
    assert before < first < second
    assert first.utcoffset() is not None
    assert second - before < timedelta(minutes=1)
