"""`evenrack rack interface`: the addresses of racks, and the VLANs that they are on."""

import json

import pytest

from tests.cli.small_api import small_api

RACKS = [{"id": "k3f00000", "hostname": "rack3"}, {"id": "k4f00000", "hostname": "rack4"}]
ON_VLAN = {"name": "eth1", "address": "10.1.0.3/24", "vlan": "vlan1", "subnet": "10.1.0.0/24"}
ON_VLAN["said_by"] = "operator"
ELSEWHERE = {"name": "eth0", "address": "192.0.2.4/24", "vlan": None, "subnet": None}
ELSEWHERE["said_by"] = "address"


@pytest.fixture
def api(tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/racks", RACKS)
        api.answer("/api/v1/racks/k3f00000/interfaces", [ON_VLAN])
        api.answer("/api/v1/racks/k4f00000/interfaces", [ELSEWHERE])
        yield api


@pytest.mark.usefixtures("api")
def test_the_addresses_of_one_rack_or_of_all_are_listed(call):
    code, printed, told = call("rack", "interface", "list")
    assert (code, told) == (0, "")
    rows = [line.split() for line in printed.splitlines()]
    assert rows[1:] == [
        ["rack3", "eth1", "10.1.0.3/24", "vlan1", "10.1.0.0/24", "operator"],
        ["rack4", "eth0", "192.0.2.4/24", "-", "-", "address"],
    ]
    found = json.loads(call("rack", "interface", "list", "rack3", "--json")[1])
    assert found == [{"rack": "rack3", **ON_VLAN}]


def test_a_rack_without_addresses_has_none(api, call):
    api.answer("/api/v1/racks/k3f00000/interfaces", [])
    assert call("rack", "interface", "list", "k3f")[1] == "no addresses are known\n"
    assert call("rack", "interface", "list", "rack9")[0] != 0


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (["--vlan", "vlan1"], {"vlan": "vlan1"}),
        (["--no-vlan"], {"vlan": None}),
        (["--by-address"], {}),
    ],
)
def test_an_operator_says_which_vlan_an_interface_is_on(api, call, given, sent):
    address = "/api/v1/racks/k3f00000/interfaces"
    api.answer(address, [ON_VLAN], method="POST")
    code, printed, told = call("rack", "interface", "set", "rack3", "eth1", *given, "--json")
    assert (code, told) == (0, "")
    assert json.loads(printed) == [{"rack": "rack3", **ON_VLAN}]
    assert api.changes == [("POST", address, {"name": "eth1", **sent}, None)]


@pytest.mark.parametrize("given", [[], ["--vlan", "vlan1", "--no-vlan"]])
def test_one_thing_is_said_of_an_interface(api, call, given):
    code, _, told = call("rack", "interface", "set", "rack3", "eth1", *given)
    assert (code, "give one of --vlan VLAN" in told) == (2, True)
