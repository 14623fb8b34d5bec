"""A small API that has one of each thing of the inventory."""

import pytest

from tests.cli.inventory.inventory_answers import PAGE, PATHS
from tests.cli.small_api import small_api


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        for all_of_them, one, row in PATHS.values():
            plural = all_of_them.rpartition("/")[2]
            api.answer(all_of_them, row, method="POST", status=201)
            api.answer(one, row)
            api.answer(one, row, method="PATCH")
            api.answer(one, row, method="DELETE")
            api.answer(f"{all_of_them}{PAGE}", {plural: [row], "next": None})
            for within in ("vlan=3", "vlan=vlan1", "subnet=5", "subnet=10.0.0.0%2F24"):
                path = f"{all_of_them}?{within}&after=0&limit=1000"
                api.answer(path, {plural: [row], "next": None})
        for within in ("vlan=3", "subnet=5"):
            path = f"/api/v1/snippets?{within}&after=0&limit=1000"
            api.answer(path, {"snippets": [{"id": 8}], "next": None})
        yield api
