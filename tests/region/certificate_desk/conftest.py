"""A region host; its database and files are real. What racks see is in `test_trust_on_links`."""

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.region.certificate_desk.desk_host import Host


@pytest.fixture
def host(database_dsn, sessions, tmp_path):
    host = Host(database_dsn, sessions, tmp_path)
    yield host
    pytest_twisted.blockon(Deferred.fromCoroutine(host.stop()))
