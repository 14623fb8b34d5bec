"""A small API, to be asked about DHCP."""

import pytest

from tests.cli.small_api import small_api


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as answers:
        yield answers
