"""Reservations that come, change and go while a real dhcpd runs, as its clients see it."""

import json
import sys

import pytest
from attrs import evolve

from evenrack.model.json_form import to_json
from evenrack.runtime.child_process import run_program
from tests.postgres_fixtures import for_this_source
from tests.rack.dhcp import follow_plans
from tests.rack.dhcp.dhcpd_program import DHCPD, needs_dhcpd
from tests.rack.dhcp.golden_plans import service, subnet
from tests.strategies_dhcp import NASTY_NAMES

NAMES = ("one", "two", "three")
PLAN = (service(subnet(5, hostnames=NAMES), role="alone"),)
ONE, TWO, THREE = PLAN[0].vlan.subnets[0].reservations
FOUR = evolve(THREE, id=504, mac="52:54:00:05:00:04", address=THREE.address + 1, hostname="four")
RENAMED = evolve(TWO, hostname="two again")
MOVED = evolve(TWO, address=TWO.address + 100 - 30)
CARDS = [it.mac for it in (ONE, TWO, THREE, FOUR)]
IN_RANGE = range(100, 220)


def with_reservations(*reservations):
    """The plan, with these in the place of its own."""
    [it] = PLAN
    [net] = it.vlan.subnets
    return (evolve(it, vlan=evolve(it.vlan, subnets=(evolve(net, reservations=reservations),))),)


@pytest.fixture
def follow(own_network, tmp_path):
    """Let a dhcpd take steps (`follow_plans`); gives the answers."""

    def run(plans, *steps):
        command = [*own_network, sys.executable, follow_plans.__file__, DHCPD, str(tmp_path)]
        texts = [json.dumps(part) for part in ([to_json(plan) for plan in plans], steps)]
        words = [*command, "10.5.0.2/24", *texts]
        return json.loads(run_program(words, seconds=90, environment=for_this_source()))

    return run


def told(*reservations):
    """What the cards are to be told: None for one without a reservation here."""
    known = {it.mac: [str(it.address), it.hostname.encode().hex()] for it in reservations}
    return [known.get(card) for card in CARDS]


def seen(answers):
    """What they were told; of the range is as good as nothing."""
    return [None if int(it[0].split(".")[3]) in IN_RANGE else it for it in answers]


@needs_dhcpd
def test_a_reservation_that_comes_changes_or_goes_is_served_so_by_the_same_dhcpd(follow):
    after = [
        (ONE, TWO, THREE),
        (ONE, TWO, THREE, FOUR),
        (ONE, RENAMED, THREE, FOUR),
        (ONE, MOVED, THREE, FOUR),
        (MOVED, THREE, FOUR),
        (MOVED, THREE),
        (ONE, TWO, THREE, FOUR),
        (),
    ]
    plans = [with_reservations(*each) for each in after]
    steps = [[["tell" if n else "restart", n], ["ask", *CARDS]] for n in range(len(plans))]
    answers = follow(plans, *[step for pair in steps for step in pair])
    assert len(set(answers[::2])) == 1, "restarted, or refused"
    assert [*map(seen, answers[1::2])] == [told(*each) for each in after]


@needs_dhcpd
def test_a_reservation_without_a_hostname_is_told_like_any_other(follow):
    nameless = evolve(FOUR, hostname="")
    plans = [with_reservations(ONE), with_reservations(ONE, nameless), with_reservations(ONE, FOUR)]
    look = ["ask", *CARDS]
    pids = follow(plans, ["restart", 0], ["tell", 1], look, ["tell", 2], look, ["tell", 1], look)
    assert {pids[n] for n in (1, 3, 5)} == {pids[0]}, "restarted, or refused"
    assert seen(pids[2]) == seen(pids[6]) == told(ONE, nameless)
    assert seen(pids[4]) == told(ONE, FOUR)


CHANGED = (MOVED, THREE, FOUR)
"""One is gone, two has moved, four has come."""


@needs_dhcpd
def test_a_dhcpd_that_is_killed_or_restarts_serves_what_it_was_told_while_it_ran(follow):
    plans = [with_reservations(*each) for each in ((ONE, TWO, THREE), CHANGED)]
    look = ["ask", *CARDS]
    steps = ["die"], look, ["die"], look, ["restart", 1], look, ["die"], look, ["restart", 1], look
    _, _, *answers = follow(plans, ["restart", 0], ["tell", 1], *steps)
    assert [seen(each) for each in answers[1::2]] == [told(*CHANGED)] * 5


@needs_dhcpd
def test_after_a_restart_a_host_is_there_that_was_deleted_and_one_is_not_that_came(follow):
    """By itself dhcpd would delete the first one again, and remember the other one for good."""
    first = (ONE, TWO, THREE)
    plans = [with_reservations(*each) for each in (first, CHANGED)]
    steps = ["restart", 0], ["tell", 1], ["restart", 0], ["ask", *CARDS], ["die"], ["ask", *CARDS]
    *_, restarted, _, later = follow(plans, *steps)
    assert seen(restarted) == seen(later) == told(*first)


@needs_dhcpd
def test_a_change_that_was_not_finished_is_taken_back_or_survives_a_death(follow):
    plans = [with_reservations(*each) for each in ((ONE, TWO, THREE), CHANGED)]
    half = [["restart", 0], ["half", 1]]
    *_, taken_back = follow(plans, *half, ["tell", 0], ["ask", *CARDS])
    assert seen(taken_back) == told(ONE, TWO, THREE)
    *_, survived, _, restarted = follow(
        plans, *half, ["die"], ["ask", *CARDS], ["restart", 0], ["ask", *CARDS]
    )
    assert seen(survived) == told(*CHANGED)
    assert seen(restarted) == told(ONE, TWO, THREE)


@needs_dhcpd
def test_nasty_hostnames_are_told_byte_for_byte_by_a_dhcpd_that_was_told_of_them(follow):
    """Also after it has read them from its leases, where it wrote them in its own way."""
    too_long_to_be_told = "\U0001f5a7" * 256
    names = (too_long_to_be_told, *NASTY_NAMES, "x" * 200, "\\0" * 80)
    _, *nasty = every = subnet(5, hostnames=names).reservations
    cards = [it.mac for it in nasty]
    plans = [with_reservations(), with_reservations(*every)]
    look = ["ask", *cards]
    answers = follow(plans, ["restart", 0], ["tell", 1], look, ["die"], look, ["restart", 1], look)
    wanted = [[str(it.address), it.hostname.encode().hex()] for it in nasty]
    assert answers[2] == wanted
    assert answers[4] == wanted
    assert answers[6] == wanted
