"""`evenrack dhcp reconfigure`, and the racks that are named for the roles of a VLAN."""

import json

import pytest

from evenrack.cli.show import page_text
from evenrack.cli.show_dhcp import dhcp_page
from tests.cli.dhcp.dhcp_answers import ROW


def test_reconfigure_asks_once_and_shows_what_is_there(api, call):
    api.answer("/api/v1/dhcp/vlan1/reconfigure", ROW, method="POST")
    code, printed, said = call("dhcp", "reconfigure", "vlan1")
    assert (code, printed) == (0, page_text(dhcp_page([ROW])) + "\n")
    assert "next: evenrack dhcp status" in said
    assert json.loads(call("dhcp", "reconfigure", "vlan1", "--json")[1]) == ROW
    assert [change[:2] for change in api.changes] == [
        ("POST", "/api/v1/dhcp/vlan1/reconfigure")
    ] * 2


def test_a_change_is_hurried_only_when_that_is_said(api, call):
    api.answer("/api/v1/dhcp/vlan1/reconfigure", ROW, method="POST")
    call("dhcp", "reconfigure", "vlan1", "--now")
    call("dhcp", "reconfigure", "vlan1")
    assert [change[2] for change in api.changes] == [{"now": True}, {}]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (
            ["vlan", "set", "vlan1", "--primary-rack", "rack1", "--unpin"],
            [("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1", "secondary_rack": None})],
        ),
        (
            ["vlan", "set", "vlan1", "--mtu", "9000", "--secondary-rack", "rack2"],
            [
                ("PATCH", "vlans/vlan1", {"mtu": 9000}),
                ("POST", "dhcp/vlan1/pins", {"secondary_rack": "rack2"}),
            ],
        ),
        (
            ["vlan", "create", "vlan1", "--primary-rack", "rack1"],
            [
                ("POST", "vlans", {"name": "vlan1"}),
                ("POST", "dhcp/vlan1/pins", {"primary_rack": "rack1"}),
            ],
        ),
    ],
)
def test_racks_are_named_for_the_roles_of_a_vlan(api, call, words, changes):
    row = {"id": 1, "name": "vlan1", "generation": "1.5"}
    for method, path in (
        *(("GET", "vlans/vlan1"), ("PATCH", "vlans/vlan1"), ("POST", "vlans")),
        ("POST", "dhcp/vlan1/pins"),
    ):
        api.answer(f"/api/v1/{path}", row, method=method)
    code, _, said = call(*words)
    assert (code, "; next: evenrack" in said) == (0, True)
    asked = [(method, f"/api/v1/{path}", body) for method, path, body in changes]
    assert [change[:3] for change in api.changes] == asked
