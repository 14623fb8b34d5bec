"""Of very many reservations those are read that were written since, by the number in their rows."""

import pytest

from evenrack.region.database.reservation_reading import read_reservations, reservations_since
from tests.region.database.fleet_cache.cached_fleet import reserved

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("begins", "is_read"),
    [
        (lambda xmin: xmin, True),
        (lambda xmin: xmin + 1, False),
        (lambda xmin: xmin + 2**32, True),
        (lambda xmin: xmin + 2**32 + 1, False),
        (lambda xmin: 7 * 2**32 - 1, True),  # the numbers in rows began anew since
    ],
    ids=["by the oldest", "before it", "later by a round", "before that", "over the end"],
)
def test_a_row_counts_as_written_since_by_its_number_as_it_goes_round(begins, is_read, sessions):
    reserved(sessions, ("one",))
    xmin = int(sessions.value("SELECT xmin::text FROM reservation"))
    [(subnet, [there])] = sessions.run(lambda c: read_reservations(c, None)).items()
    known = {} if is_read else {subnet: [there]}
    found = sessions.run(lambda c: reservations_since(c, known, begins(xmin)))
    assert found == {subnet: [there]}
    assert (found[subnet][0] is there) == (not is_read)
