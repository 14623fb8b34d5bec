"""What the cluster knows of its secret."""

import pytest

from evenrack.region.database.cluster_store import (
    SecretOrigin,
    lock_secret_origin,
    write_secret_origin,
)

pytestmark = pytest.mark.postgres


def test_a_new_cluster_knows_of_no_secret(sessions):
    assert sessions.run(lock_secret_origin) is None


def test_the_first_secret_of_a_cluster_is_remembered_for_ever(sessions):
    first, second = (SecretOrigin(fingerprint=f"print {n}", host=f"host{n}") for n in (1, 2))
    sessions.run(lambda c: write_secret_origin(c, first))
    sessions.run(lambda c: write_secret_origin(c, second))
    assert sessions.run(lock_secret_origin) == first
