"""What a DHCP server takes of a plan: everything but the VLANs that are wrong."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from evenrack.errors import ProgramFailed
from evenrack.model.dhcp_plan import SHARED, shared_part
from evenrack.model.snippet import Snippet
from evenrack.rack.good_part import MOST_ERROR_CHARACTERS, good_part
from tests.rack.converging import plan_of
from tests.rack.small_dhcp_server import SmallDhcpServer, refusing
from tests.wire.both_ends import Outcome

VLANS = st.integers(1, 12)


def plan_with(vlans, generation=5):
    return plan_of(dict.fromkeys(sorted(vlans), (1, 2)), generation=generation)


def part_of(plan, applied, mistakes_in):
    """What is good, what is wrong, and the server that was asked."""
    server = SmallDhcpServer(clock=Clock(), mistakes_in=mistakes_in)
    found = Outcome(Deferred.fromCoroutine(good_part(server, plan, applied)))
    return (*found.value(), server)


def bad_in(plan, bad):
    """Find mistakes in the new content of these VLANs."""
    return lambda tried: refusing(*bad)([it for it in tried if it in plan])


@given(wanted=st.sets(VLANS), served=st.sets(VLANS), bad=st.sets(VLANS))
def test_m9_each_bad_vlan_keeps_what_is_served_and_every_other_gets_its_new_content(
    wanted, served, bad
):
    plan, applied = plan_with(wanted, 6), plan_with(served)
    good, errors, _ = part_of(plan, applied, bad_in(plan, bad))
    before = {it.vlan.id: it for it in applied}
    kept = [before.get(it.vlan.id) if it.vlan.id in bad else it for it in plan]
    assert good == tuple(it for it in kept if it is not None)
    assert errors == {vlan: f"VLAN {vlan} is bad" for vlan in wanted & bad}


@pytest.mark.parametrize("bad", [1, 500, 777, 1_000])
def test_m9_one_bad_vlan_of_a_thousand_is_found_in_few_checks(bad):
    plan = tuple(
        evolve(it, vlan=evolve(it.vlan, id=number))
        for number, it in enumerate(plan_with([1]) * 1_000, start=1)
    )
    good, errors, server = part_of(plan, (), refusing(bad))
    assert (len(good), list(errors)) == (999, [bad])
    assert len(server.checked) + len(server.refused) <= 20


def test_what_did_not_change_is_not_doubted():
    applied = plan_with(range(1, 9))
    plan = (*applied[:-1], evolve(applied[-1], role="secondary"))
    _, errors, server = part_of(plan, applied, bad_in(plan[-1:], {8}))
    assert list(errors) == [8]
    assert len(server.refused) == 1


def test_of_two_vlans_that_do_not_go_together_one_is_served():
    plan = plan_with(range(1, 5))

    def quarrel(tried):
        there = {it.vlan.id for it in tried}
        return ["they overlap"] if there >= {2, 3} else []

    good, errors, _ = part_of(plan, (), quarrel)
    assert [it.vlan.id for it in good] == [1, 2, 4]
    assert errors == {3: "they overlap"}


def test_of_long_words_the_first_are_told():
    _, errors, _ = part_of(plan_with([1]), (), lambda tried: ["x" * 1_000] if tried else [])
    assert errors == {1: "x" * MOST_ERROR_CHARACTERS}


def test_a_server_that_cannot_be_asked_says_nothing_of_the_vlans():
    server = SmallDhcpServer(clock=Clock(), can_be_asked=False)
    found = Outcome(Deferred.fromCoroutine(good_part(server, plan_with([1, 2]), ())))
    assert isinstance(found.error(), ProgramFailed)


def shared(*texts):
    return shared_part(tuple(Snippet(id=1, level="global", text=text) for text in texts))


def lacking(needed):
    """Complain of each VLAN of which what stands before all has not what it needs."""

    def mistakes(tried):
        there = {it.text for part in tried if part.is_shared for it in part.vlan.snippets}
        return [
            f"VLAN {it.vlan.id} lacks {needed[it]}"
            for it in tried
            if it in needed and needed[it] not in there
        ]

    return mistakes


def test_m9_bad_global_snippets_stay_as_they_were_and_every_vlan_gets_its_new_content():
    old, new = plan_with(range(1, 9)), plan_with(range(1, 9), 6)
    bad, good = shared("bad"), shared("good")
    found, errors, _ = part_of((bad, *new), (good, *old), bad_in((bad,), {SHARED}))
    assert found == (good, *new)
    assert errors == {SHARED: "VLAN 0 is bad"}


def test_m9_bad_vlans_do_not_hold_up_global_snippets():
    old, new = plan_with(range(1, 9)), plan_with(range(1, 9), 6)
    found, errors, _ = part_of((shared("new"), *new), (shared("old"), *old), bad_in(new, {3}))
    assert found == (shared("new"), *new[:2], old[2], *new[3:])
    assert list(errors) == [3]


def test_global_snippets_that_a_vlan_still_needs_stay_also_when_they_are_taken_away():
    before = (shared("class"), *plan_with([1, 2]))
    needs = lacking({before[1]: "class"})
    for wanted in (before[1:], (shared("other"), *before[1:])):
        found, errors, _ = part_of(wanted, before, needs)
        assert found == before
        assert errors == {SHARED: "VLAN 1 lacks class"}


def test_global_snippets_are_tried_again_beside_vlans_that_are_new():
    old, new = plan_with([1, 2]), plan_with([1, 2], 6)

    def mistakes(tried):
        return [*lacking({old[0]: "class"})(tried), *bad_in(new, {2})(tried)]

    found, errors, _ = part_of((shared("other"), *new), (shared("class"), *old), mistakes)
    assert found == (shared("other"), new[0], old[1])
    assert errors == {2: "VLAN 2 is bad"}


def test_where_no_vlan_is_good_nothing_is_served():
    found, errors, _ = part_of((shared("good"), *plan_with([1])), (), refusing(1))
    assert (found, list(errors)) == ((), [1])
