"""What the tests with real daemons share."""

from pathlib import Path

import pytest

from evenrack.lab.network.keeper import refuse_without_namespaces
from evenrack.lab.refusals import LabRefused


@pytest.fixture(scope="session")
def network_possible():
    """Skip where the kernel gives no namespaces; under CI that is a failure."""
    try:
        refuse_without_namespaces(Path("/tmp/lab"))  # noqa: S108  only a name, nothing is made
    except LabRefused as refused:
        pytest.skip(str(refused))
