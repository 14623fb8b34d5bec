"""What the cluster knows of its keys."""

import pytest

from evenrack.region.database.key_store import KeyOrigin, lock_key_origin, write_key_origin

pytestmark = pytest.mark.postgres


def test_a_new_cluster_knows_of_no_key(sessions):
    assert sessions.run(lock_key_origin) is None


def test_the_newest_key_is_remembered_in_the_place_of_the_one_before(sessions):
    for n in (1, 2):
        origin = KeyOrigin(fingerprint=f"print {n}", host=f"host{n}")
        sessions.run(lambda c, origin=origin: write_key_origin(c, origin))
        assert sessions.run(lock_key_origin) == origin
