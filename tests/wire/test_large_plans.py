"""A plan with very many reservations: it arrives in parts, and only what changed travels."""

from math import ceil

import pytest
from attrs import evolve
from twisted.protocols import amp

from benchmarks.many_reservations import plan_with
from evenrack.errors import ContentRefused, StalePlan
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, VlanId
from evenrack.model.network import Vlan
from evenrack.model.plan_outline import content_of, outline_of
from evenrack.model.rack_plan import RackPlan
from evenrack.model.vlan_change import change_between
from evenrack.rack import region_session
from evenrack.rack.region_session import RegionSession
from evenrack.region.links.plan_delivery import AT_ONCE, PART_BYTES, changes_since, is_large
from evenrack.wire.rack_commands import ApplyPlan, ChangeVlan, OfferPlan, TakeVlan
from evenrack.wire.version import PLANS_IN_PARTS
from tests.wire.both_ends import RACK, Desk, Link, World


def rack_plan(dhcp, generation=5):
    return RackPlan(
        rack=RACK,
        number=FleetNumber(1, generation),
        managed_by=ProcessId("region1/1"),
        dhcp=dhcp,
    )


PLAN = rack_plan(plan_with(4_000, 2))
NEWER = rack_plan((PLAN.dhcp[0], *plan_with(2_002, 2)[1:]), 6)
FIRST = content_of(PLAN.dhcp[0].vlan)


@pytest.fixture
def link():
    return Link().introduce()


def sent(link, command):
    """How often a region sent this command."""
    name = command.commandName
    return link.wire.from_server.count(len(name).to_bytes(2, "big") + name)


def parts_of(vlan):
    return ceil(content_of(vlan).length / PART_BYTES)


def take(link, content, start, text):
    """Send a part of a VLAN."""
    part = {"vlan": content.sha256, "length": content.length, "start": start, "text": text}
    return link.ask(link.region.callRemote(TakeVlan, **part))


def test_a_large_plan_arrives_whole_and_is_confirmed(link):
    assert is_large(PLAN)
    assert link.ask(link.region.apply_plan(PLAN)).value() == (PLAN.number, PLAN.fingerprint)
    assert link.memory.newest.plan == PLAN
    assert (link.region.holds, link.region.holds_fingerprint) == (PLAN.number, PLAN.fingerprint)
    assert (sent(link, OfferPlan), sent(link, ApplyPlan)) == (2, 0)


def test_a_vlan_with_more_reservations_than_fit_into_one_command_arrives(link):
    plan = rack_plan(plan_with(60_000, 1))
    assert link.ask(link.region.apply_plan(plan)).value() == (plan.number, plan.fingerprint)


def test_of_a_newer_plan_only_the_vlan_that_changed_travels(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    unchanged = link.memory.newest.plan.dhcp[0].vlan
    before = sent(link, TakeVlan)
    link.ask(link.region.apply_plan(NEWER)).value()
    assert link.memory.newest.plan == NEWER
    assert sent(link, TakeVlan) - before == parts_of(NEWER.dhcp[1].vlan)
    assert link.memory.newest.plan.dhcp[0].vlan is unchanged  # it is not written anew either


def with_reservations(service, reservations):
    [net] = service.vlan.subnets
    subnets = (evolve(net, reservations=tuple(reservations)),)
    return evolve(service, vlan=evolve(service.vlan, subnets=subnets))


SECOND = PLAN.dhcp[1]
[*FEWER, _LAST] = SECOND.vlan.subnets[0].reservations
LESS = rack_plan((PLAN.dhcp[0], with_reservations(SECOND, FEWER)), 6)


def test_of_a_vlan_in_which_one_reservation_changed_only_that_travels(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    before, length = sent(link, TakeVlan), len(link.wire.from_server)
    assert link.ask(link.region.apply_plan(LESS, changes_since(PLAN, LESS))).value() == (
        LESS.number,
        LESS.fingerprint,
    )
    assert link.memory.newest.plan == LESS
    assert (sent(link, TakeVlan) - before, sent(link, ChangeVlan)) == (0, 1)
    assert len(link.wire.from_server) - length < 5_000
    seventh = evolve(PLAN, number=FleetNumber(1, 7))
    assert link.ask(link.region.apply_plan(seventh, changes_since(LESS, seventh))).value()
    assert (link.memory.newest.plan.dhcp, sent(link, ChangeVlan)) == (PLAN.dhcp, 2)


def test_also_of_a_vlan_that_travelled_whole_what_did_not_change_are_the_same_objects(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    before = link.memory.newest.plan.dhcp[1].vlan.subnets[0].reservations
    link.ask(link.region.apply_plan(LESS)).value()
    after = link.memory.newest.plan.dhcp[1].vlan.subnets[0].reservations
    assert (len(after), {id(it) for it in after} - {*map(id, before)}) == (len(FEWER), set())


def test_a_vlan_whose_reservations_are_in_no_order_arrives_as_it_is(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    strange = rack_plan((PLAN.dhcp[0], with_reservations(SECOND, FEWER[::-1])), 6)
    link.ask(link.region.apply_plan(strange, changes_since(PLAN, strange))).value()
    assert link.memory.newest.plan == strange


@pytest.mark.parametrize("base", [NEWER, rack_plan(())])
def test_a_rack_that_follows_another_plan_than_was_thought_is_sent_the_whole_vlan(link, base):
    link.ask(link.region.apply_plan(PLAN)).value()
    before = sent(link, TakeVlan)
    link.ask(link.region.apply_plan(LESS, changes_since(base, LESS))).value()
    assert link.memory.newest.plan == LESS
    assert sent(link, TakeVlan) - before == parts_of(LESS.dhcp[1].vlan)


def test_a_rack_that_does_not_know_changes_is_sent_the_whole_vlan(link, monkeypatch):
    link.ask(link.region.apply_plan(PLAN)).value()
    known = RegionSession.locateResponder

    def located(session, name):
        return None if name == ChangeVlan.commandName else known(session, name)

    monkeypatch.setattr(RegionSession, "locateResponder", located)
    link.ask(link.region.apply_plan(LESS, changes_since(PLAN, LESS))).value()
    assert link.memory.newest.plan == LESS
    assert sent(link, ChangeVlan) == 1


def test_a_vlan_of_which_most_changed_travels_whole(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    renamed = [evolve(it, hostname="x" * 200) for it in FEWER]
    newer = rack_plan((PLAN.dhcp[0], with_reservations(SECOND, renamed)), 6)
    link.ask(link.region.apply_plan(newer, changes_since(PLAN, newer))).value()
    assert link.memory.newest.plan == newer
    assert sent(link, ChangeVlan) == 0


def test_a_change_that_does_not_give_what_it_is_called_is_refused(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(LESS))).value()
    [base, wanted] = (content_of(plan.dhcp[1].vlan) for plan in (PLAN, LESS))
    nothing = change_between(SECOND.vlan, SECOND.vlan)
    asked = link.region.callRemote(ChangeVlan, vlan=wanted, base=base, change=nothing)
    refusal = link.ask(asked).error()
    words = "a VLAN does not become what it is called"
    assert (type(refusal), str(refusal)) == (ContentRefused, words)
    link.ask(link.region.apply_plan(LESS, changes_since(PLAN, LESS))).value()
    assert link.memory.newest.plan == LESS


def test_a_plan_that_is_known_is_confirmed_at_once(link):
    link.ask(link.region.apply_plan(PLAN)).value()
    before = sent(link, TakeVlan)
    moved = evolve(PLAN, number=FleetNumber(1, 7), managed_by=ProcessId("region2/1"))
    assert link.ask(link.region.apply_plan(moved)).value() == (moved.number, moved.fingerprint)
    assert sent(link, TakeVlan) == before


def test_a_small_plan_is_sent_whole_in_one_command(link):
    small = rack_plan(plan_with(20, 2))
    link.ask(link.region.apply_plan(small)).value()
    assert (sent(link, ApplyPlan), sent(link, OfferPlan)) == (1, 0)


def test_a_rack_of_the_version_before_is_sent_the_whole_plan(monkeypatch):
    monkeypatch.setattr(region_session, "PROTOCOL", PLANS_IN_PARTS - 1)
    link = Link().introduce()
    assert link.ask(link.region.apply_plan(PLAN)).value() == (PLAN.number, PLAN.fingerprint)
    assert (sent(link, ApplyPlan), sent(link, OfferPlan)) == (1, 0)


def test_a_large_plan_that_is_older_is_refused_and_the_newer_one_stays(link):
    link.ask(link.region.apply_plan(NEWER)).value()
    before = sent(link, TakeVlan)
    assert isinstance(link.ask(link.region.apply_plan(PLAN)).error(), StalePlan)
    assert link.memory.newest.plan == NEWER
    assert sent(link, TakeVlan) == before


def test_what_another_process_had_sent_is_not_sent_again():
    desk = Desk(world=World())
    one, other = Link(desk=desk), Link(desk=desk)
    other.rack._rack = one.rack._rack
    one.introduce()
    other.introduce()
    text = PLAN.dhcp[0].vlan.as_json.encode()
    one.ask(one.region.callRemote(OfferPlan, outline=outline_of(PLAN))).value()
    for start in range(0, len(text), PART_BYTES):
        take(one, FIRST, start, text[start : start + PART_BYTES]).value()
    one.rack.abort()
    other.ask(other.region.apply_plan(PLAN)).value()
    assert one.memory.newest.plan == PLAN
    assert sent(other, TakeVlan) == parts_of(PLAN.dhcp[1].vlan)


def test_a_delivery_that_broke_off_can_begin_again(link):
    text = PLAN.dhcp[0].vlan.as_json.encode()
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(PLAN))).value()
    take(link, FIRST, 0, text[:1_000]).value()
    link.ask(link.region.apply_plan(PLAN)).value()
    assert link.memory.newest.plan == PLAN


def test_what_was_not_asked_for_is_refused_and_not_kept(link):
    text = PLAN.dhcp[0].vlan.as_json.encode()
    assert isinstance(take(link, FIRST, 0, text[:10]).error(), ContentRefused)
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(PLAN))).value()
    assert isinstance(take(link, FIRST, 10, text[10:20]).error(), ContentRefused)
    assert isinstance(take(link, evolve(FIRST, length=7), 0, text[:7]).error(), ContentRefused)
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(rack_plan(())))).value()
    assert isinstance(take(link, FIRST, 0, text[:10]).error(), ContentRefused)
    assert link.memory.intake._coming == {}


@pytest.mark.parametrize("text", [b"{}", b"[" * 60_000, b"\xff", b"null"])
def test_a_content_that_is_not_what_it_is_called_is_refused_and_the_link_stays(link, text):
    dhcp = PLAN.dhcp[:1]
    outline = outline_of(rack_plan(dhcp))
    content = evolve(FIRST, length=len(text))
    link.ask(
        link.region.callRemote(OfferPlan, outline=evolve(outline, contents=(content,)))
    ).value()
    assert isinstance(take(link, content, 0, text).error(), ContentRefused)
    assert link.memory.newest.plan is None
    assert not link.wire.is_gone


def test_another_vlan_than_it_is_called_is_refused(link):
    other = Vlan(id=VlanId(9), name="x").as_json.encode()
    content = evolve(FIRST, length=len(other))
    outline = evolve(outline_of(rack_plan(PLAN.dhcp[:1])), contents=(content,))
    link.ask(link.region.callRemote(OfferPlan, outline=outline)).value()
    refusal = take(link, content, 0, other).error()
    assert (type(refusal), str(refusal)) == (ContentRefused, "a VLAN is not what it is called")


def test_a_content_that_is_longer_than_was_said_is_refused(link):
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(PLAN))).value()
    small = rack_plan(plan_with(2, 1))
    content = content_of(small.dhcp[0].vlan)
    link.ask(link.region.callRemote(OfferPlan, outline=outline_of(small))).value()
    assert isinstance(take(link, content, 0, b"x" * (content.length + 1)).error(), ContentRefused)


def test_a_rack_that_always_lacks_something_is_not_sent_it_for_ever(link):
    async def lacks(_outline):
        return (FIRST,)

    async def takes(*_part):
        pass

    link.rack._rack = evolve(link.rack._rack, offer_plan=lacks, take_vlan=takes)
    problem = link.ask(link.region.apply_plan(PLAN)).error()
    assert (type(problem), str(problem)) == (
        ContentRefused,
        "the rack still lacks what it was sent",
    )
    assert sent(link, OfferPlan) == 2


def test_a_rack_that_wants_the_same_many_times_is_sent_it_once(link):
    """Each time costs a region more than a rack: it must not keep one busy by a short answer."""
    took = []

    async def lacks(_outline):
        return (FIRST,) * (1 if took else 50)

    async def takes(_content, start, _text):
        took.append(start)

    link.rack._rack = evolve(link.rack._rack, offer_plan=lacks, take_vlan=takes)
    link.ask(link.region.apply_plan(PLAN)).error()
    assert len(took) == 2 * parts_of(PLAN.dhcp[0].vlan)


def test_a_rack_that_wants_another_vlan_is_told_nothing(link):
    async def lacks(_outline):
        return (evolve(FIRST, length=7),)

    link.rack._rack = evolve(link.rack._rack, offer_plan=lacks)
    problem = link.ask(link.region.apply_plan(PLAN)).error()
    assert isinstance(problem, ContentRefused)
    assert sent(link, TakeVlan) == 0


def test_an_outline_that_asks_for_too_much_is_a_bad_argument(link):
    box = amp.AmpBox({b"outline": b"1", b"outline.0": b'{"plan": {}, "contents": []}'})
    answer = link.ask(link.region._sendBoxCommand(OfferPlan.commandName, box))
    assert answer.code() == b"BAD_ARGUMENTS"
    assert not link.wire.is_gone


def test_a_part_that_is_refused_ends_the_delivery_by_that_name(link):
    async def refuses(*_part):
        raise ContentRefused("no room")

    link.rack._rack = evolve(link.rack._rack, take_vlan=refuses)
    problem = link.ask(link.region.apply_plan(PLAN)).error()
    assert (type(problem), str(problem)) == (ContentRefused, "no room")
    assert sent(link, TakeVlan) == min(AT_ONCE, parts_of(PLAN.dhcp[0].vlan))
    assert not link.wire.is_gone
