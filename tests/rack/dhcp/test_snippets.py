"""Snippets in the file: they stand where they are for, and reach nothing else."""

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from evenrack.errors import DhcpConfigurationRefused, ProgramFailed
from evenrack.model.dhcp_plan import SHARED, shared_part
from evenrack.model.network import VlanSettings
from evenrack.model.snippet import Snippet
from evenrack.model.snippet_rules import problem_in
from evenrack.rack.dhcp.dhcpd_conf import dhcpd_conf
from evenrack.rack.dhcp.dhcpd_words import complaints
from evenrack.rack.dhcp.snippets import Snippets
from evenrack.rack.good_part import good_part
from tests.rack.dhcp.dhcpd_program import check_with_dhcpd, needs_dhcpd
from tests.rack.dhcp.golden_plans import OMAPI, service, subnet
from tests.strategies_dhcp import relaying
from tests.strategies_snippets import good_texts, levels, taken_texts, texts

FEW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
"""Each example starts a dhcpd."""

PROBE = "option probe code 250 = text;\n"
"""dhcpd takes such a declaration outside of all blocks only: it tells that one is there."""

OF = {"global": None, "vlan": 1, "subnet": 1, "pool": 1, "host": 100}
"""What there is of each level in VLAN 1."""


def plan_with(*snippets):
    """VLAN 1 with these (level, text), VLAN 2, and what stands before them."""
    made = [
        Snippet(id=number, level=level, of=OF[level], text=text)
        for number, (level, text) in enumerate(snippets, start=1)
    ]
    first = service(subnet(1, hostnames=("m1",)), role="alone")
    own = tuple(it for it in made if it.level != "global")
    shared = tuple(it for it in made if it.level == "global")
    first = evolve(first, vlan=evolve(first.vlan, snippets=own))
    return shared_part(shared), first, service(subnet(2), role="alone")


def file_with(*snippets):
    return dhcpd_conf(plan_with(*snippets), OMAPI)


def test_without_snippets_the_file_is_as_it_was():
    assert file_with() == dhcpd_conf(plan_with()[1:], OMAPI)


@pytest.mark.parametrize(
    ("level", "after", "before"),
    [
        ("global", "omapi-port 7911;", "shared-network vlan-1 {"),
        ("vlan", "  min-lease-time 600;", "  subnet 10.1.0.0 netmask 255.255.255.0 {"),
        ("subnet", '    option domain-name "net1.example.com";', "    pool {"),
        ("pool", "      range 10.1.0.200 10.1.0.219;", "    }"),
        ("host", '  option host-name "m1";', "}"),
    ],
)
def test_a_snippet_stands_at_the_end_of_what_it_is_for(level, after, before):
    lines = [line for line in file_with((level, "deny booting;")).splitlines() if line]
    [place] = [number for number, line in enumerate(lines) if line.strip() == "deny booting;"]
    assert lines[place - 1].strip() == "# snippet 1"
    assert (lines[place - 2], lines[place + 1]) == (after, before)


def test_snippets_of_one_place_stand_in_the_order_of_their_ids():
    first, second = (
        Snippet(id=2, level="vlan", of=1, text="b;"),
        Snippet(id=1, level="vlan", of=1, text="a;\n\n"),
    )
    vlan = evolve(plan_with()[1].vlan, snippets=(first, second))
    assert Snippets.of((vlan,)).at("vlan", 1) == "# snippet 1\na;\n# snippet 2\nb;\n"


def test_snippets_of_a_relayed_vlan_reach_what_is_theirs_in_the_file_of_the_other():
    """They stand there as they do where the VLAN has racks of its own."""
    lines = {"vlan": "deny booting;", "subnet": "deny bootp;", "pool": "deny leasequery;"}
    _, far, here = plan_with(*lines.items(), ("host", "allow booting;"))
    alone = dhcpd_conf((far,), OMAPI)
    together = dhcpd_conf((relaying(here, far.vlan),), OMAPI)
    start, end = alone.index("shared-network vlan-1 {"), alone.index("host h-100-")
    assert alone[start:end].rstrip() in together
    assert alone[end:] in together
    assert together.count("# snippet") == len(OF) - 1


def test_a_bad_snippet_of_a_relayed_vlan_is_refused_by_its_name():
    _, far, here = plan_with(("vlan", "} evil {"))
    with pytest.raises(ValueError, match=r"^snippet 1: "):
        dhcpd_conf((relaying(here, far.vlan),), OMAPI)


def test_each_card_of_a_reservation_has_its_snippets():
    first = plan_with(("host", "deny booting;"))[1]
    [net] = first.vlan.subnets
    [reservation] = net.reservations
    cards = evolve(reservation, other_macs=("52:54:00:01:01:00",))
    vlan = evolve(first.vlan, subnets=(evolve(net, reservations=(cards,)),))
    assert dhcpd_conf((evolve(first, vlan=vlan),), OMAPI).count("deny booting;") == 2


@given(texts, levels)
def test_what_would_reach_out_of_its_block_is_refused_by_the_name_of_the_snippet(text, level):
    problem = problem_in(text, level)
    assume(problem is not None)
    with pytest.raises(ValueError, match=r"^snippet 1: ") as refused:
        file_with((level, text))
    assert str(refused.value) == f"snippet 1: {problem}"


@given(taken_texts, levels, st.booleans())
def test_what_is_taken_changes_no_character_around_it(text, level, twice):
    plain = file_with((level, "deny booting;"), *[(level, "deny booting;")] * twice)
    whole = file_with((level, text), *[(level, "deny booting;")] * twice)
    lines = [line for line in whole.splitlines() if line.strip()]
    wanted = [line for line in plain.splitlines() if line.strip()]
    own = [line.rstrip() for line in text.rstrip().splitlines() if line.strip()]
    start = next(n for n, line in enumerate(lines) if line.strip() == "# snippet 1") + 1
    assert lines[:start] == wanted[:start]
    assert [line.strip() for line in lines[start : start + len(own)]] == [it.strip() for it in own]
    assert lines[start + len(own) :] == wanted[start + 1 :]


@needs_dhcpd
@FEW
@given(good_texts, levels)
def test_dhcpd_takes_good_ones_at_every_level(tmp_path, text, level):
    check_with_dhcpd(file_with((level, text)), tmp_path)


@needs_dhcpd
@FEW
@given(taken_texts, levels)
def test_after_what_is_taken_dhcpd_is_where_it_was(tmp_path, text, level):
    """Nothing of a snippet is open after it: neither a block, nor a literal, nor a statement."""
    whole = file_with((level, text))
    try:
        check_with_dhcpd(whole, tmp_path)
    except ProgramFailed:
        return  # it changes nothing either: the VLAN stays as it was
    end_of_it = {"global": "shared-network vlan-1", "host": None}.get(
        level, "shared-network vlan-2"
    )
    probed = whole + PROBE if end_of_it is None else whole.replace(end_of_it, PROBE + end_of_it)
    assert PROBE in probed
    check_with_dhcpd(probed, tmp_path)


@needs_dhcpd
@pytest.mark.parametrize("level", [it for it in OF if it != "global"])
def test_the_probe_finds_a_block_that_is_open(tmp_path, level):
    whole = file_with((level, "if 1 = 1 { deny booting; }"))
    opened = whole.replace("if 1 = 1 { deny booting; }", "if 1 = 1 { deny booting;")
    with pytest.raises(ProgramFailed):
        check_with_dhcpd(opened + PROBE, tmp_path)
    with pytest.raises(ProgramFailed, match="may not be scoped"):
        check_with_dhcpd(whole.replace("if 1 = 1 { deny booting; }", PROBE), tmp_path)


@needs_dhcpd
def test_dhcpd_itself_takes_what_closes_its_block_and_opens_another(tmp_path):
    """It is why the text is checked before dhcpd is asked."""
    whole = file_with(("host", "deny booting;"))
    evil = '} option domain-name "of all VLANs"; host other {'
    check_with_dhcpd(whole.replace("deny booting;", evil), tmp_path)
    assert problem_in(evil, "host") is not None


class RealDhcpd:
    """Asks the real dhcpd what it takes."""

    def __init__(self, folder):
        self._folder = folder

    async def check(self, plan):
        try:
            check_with_dhcpd(dhcpd_conf(plan, OMAPI), self._folder)
        except (ProgramFailed, ValueError) as problem:
            words = complaints(str(problem).encode(), str(self._folder / "dhcpd.conf"))
            raise DhcpConfigurationRefused(words) from problem


CLASS = 'class "phones" { match if option user-class = "phone"; }'
SERVED = plan_with(("global", CLASS), ("pool", 'allow members of "phones";'))


@needs_dhcpd
async def test_m9_what_the_real_dhcpd_does_not_take_stays_as_it_was_and_harms_no_vlan(tmp_path):
    plan = plan_with(("global", "class phones { }"), ("vlan", "option no-such-option 1;"))
    second = evolve(plan[2], vlan=evolve(plan[2].vlan, settings=VlanSettings(lease_seconds=1200)))
    good, errors = await good_part(RealDhcpd(tmp_path), (*plan[:2], second), SERVED)
    assert good == (*SERVED[:2], second)
    assert list(errors) == [SHARED, 1]
    assert "class phones" in errors[SHARED]
    assert "no-such-option" in errors[1]


@needs_dhcpd
async def test_a_class_that_the_real_dhcpd_needs_for_a_pool_is_not_taken_away(tmp_path):
    for without in (SERVED[1:], (shared_part(()), *SERVED[1:])):
        good, errors = await good_part(RealDhcpd(tmp_path), without, SERVED)
        assert good == SERVED
        assert list(errors) == [SHARED]
        assert "no such class: phones" in errors[SHARED]
    both = (evolve(SERVED[1], vlan=evolve(SERVED[1].vlan, snippets=())), SERVED[2])
    await RealDhcpd(tmp_path).check(both)
