"""`evenrack vlan list`, `show` and their like: tables, JSON, and hostile names."""

import json

import pytest

from tests.cli.inventory.inventory_answers import PAGE, PATHS, RESERVATION, SUBNET, VLAN


@pytest.mark.parametrize("noun", PATHS)
def test_lists_are_tables_and_json(api, call, noun):
    code, printed, complaints = call(noun, "list")
    assert (code, complaints) == (0, "")
    assert str(PATHS[noun][2]["id"]) in printed
    assert printed.isascii()
    assert json.loads(call(noun, "list", "--json")[1]) == [PATHS[noun][2]]
    for option in ("--vlan", "--subnet"):
        wanted = {"subnet": ["--vlan"], "vlan": []}.get(noun, ["--vlan", "--subnet"])
        name = "vlan1" if option == "--vlan" else "10.0.0.0/24"
        code = call(noun, "list", option, name, "--json")[0]
        assert code == (0 if option in wanted else 2)


def test_empty_lists_say_so(api, call):
    for noun, (path, _, _) in PATHS.items():
        api.answer(f"{path}{PAGE}", {path.rpartition("/")[2]: [], "next": None})
        assert call(noun, "list")[1] == f"no {noun if noun != 'vlan' else 'VLAN'}s yet\n"


def test_long_lists_are_read_to_their_end(api, call):
    api.answer(f"/api/v1/vlans{PAGE}", {"vlans": [VLAN], "next": 3})
    second = {**VLAN, "id": 4}
    api.answer("/api/v1/vlans?after=3&limit=1000", {"vlans": [second], "next": None})
    assert json.loads(call("vlan", "list", "--json")[1]) == [VLAN, second]


def test_a_vlan_is_shown_with_its_subnets(api, call):
    assert json.loads(call("vlan", "show", "vlan1", "--json")[1]) == {**VLAN, "subnets": [SUBNET]}
    printed = call("vlan", "show", "vlan1")[1]
    assert "dhcp on: yes\n" in printed
    assert printed.index("subnets:") < printed.index("192.0.2.1, 192.0.2.2")


def test_hostile_names_reach_the_region_whole_and_draw_nothing(api, call):
    name = "a/../b?c#d%2F\x1b[2J ö"
    code, _, told = call("vlan", "show", name)
    assert (code, told) == (1, "evenrack: NotFound: not here\n")
    assert api.asked == ["/api/v1/vlans/a%2F..%2Fb%3Fc%23d%252F%1B%5B2J%20%C3%B6"]
    api.answer(
        f"/api/v1/reservations{PAGE}",
        {
            "reservations": [{**RESERVATION, "hostname": "\x1b[2J\nx"}],
            "next": None,
        },
    )
    printed = call("reservation", "list")[1]
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 2
