"""`evenrack dhcp partner-down`: the risk is named, and the name is asked for again."""

import json

MOURNED = {
    "vlan": "vlan1",
    "dead": "rack3",
    "survivor": "rack1",
    "mclt_seconds": 3600,
    "risk": "two clients may get the same address",
    "hindrances": [],
}
ADDRESS = "/api/v1/dhcp/vlan1/partner-down"


def test_m16_the_plan_of_partner_down_names_the_risk_and_changes_nothing(api, call):
    api.answer(f"{ADDRESS}?dead=rack3", MOURNED)
    code, printed, _ = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan")
    assert code == 0
    for words in ("rack3", "rack1", "3600 s (mclt)", "two clients may get the same address"):
        assert words in printed
    asked = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan", "--json")
    assert json.loads(asked[1]) == MOURNED
    assert api.changes == []


def test_m16_partner_down_needs_the_name_again(api, call):
    api.answer(f"{ADDRESS}?dead=rack3", MOURNED)
    api.answer(ADDRESS, MOURNED, method="POST")
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3")
    assert (code, "--confirm=rack3" in said) == (2, True)
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack1")
    assert (code, "nothing was changed" in said) == (1, True)
    assert api.changes == []
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3")
    assert (code, "rack1 is told; next: evenrack dhcp status vlan1" in said) == (0, True)
    assert [change[:3] for change in api.changes] == [("POST", ADDRESS, {"dead": "rack3"})]
    asked = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3", "--json")
    assert json.loads(asked[1]) == MOURNED


def test_m16_a_server_that_may_live_is_not_called_dead(api, call):
    hindered = {**MOURNED, "survivor": None, "hindrances": ["rack3 is connected", "and more"]}
    api.answer(f"{ADDRESS}?dead=rack3", hindered)
    _, printed, _ = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--plan")
    assert "rack3 is connected" in printed
    code, _, said = call("dhcp", "partner-down", "vlan1", "--dead", "rack3", "--confirm=rack3")
    assert (code, "rack3 is connected; and more" in said) == (1, True)
    assert api.changes == []
