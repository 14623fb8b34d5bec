"""What a rack starts again when it comes back: only what nobody else may serve by now."""

from attrs import evolve

from evenrack.model.dhcp_plan import Peer, shared_part
from evenrack.model.identifiers import RackId
from evenrack.model.snippet import Snippet
from evenrack.rack.still_its_own import still_its_own
from tests.rack.converging import FIRST, SECOND
from tests.rack.dhcp.golden_plans6 import serving6, subnet6

SHARED_PART = shared_part((Snippet(id=1, level="global", text="deny booting;"),))
SERVED = (SHARED_PART, *FIRST)


def with_another_peer(service):
    return evolve(service, peer=Peer(rack=RackId("rack0009"), address=service.peer.address))


def test_what_it_still_has_is_started_as_it_was_with_the_global_snippets():
    assert still_its_own(SERVED, (SHARED_PART, *SECOND)) == SERVED
    assert still_its_own(SERVED, (SHARED_PART, *SECOND[1:])) == (SHARED_PART, FIRST[1])
    moved = (SHARED_PART, with_another_peer(SECOND[0]), SECOND[1])
    assert still_its_own(SERVED, moved) == (SHARED_PART, FIRST[1])


def test_global_snippets_alone_are_nothing_to_serve():
    moved = (SHARED_PART, *map(with_another_peer, SECOND))
    assert still_its_own(SERVED, moved) == still_its_own(SERVED, ()) == ()


def ipv6(half, *, held=False):
    return evolve(serving6(subnet6(1, ("1", "9")), half="lower"), half=half, half_held=held)


def test_a_half_that_may_be_another_racks_by_now_is_not_given_away_before_the_turn():
    nothing = (ipv6("none"),)
    assert still_its_own((ipv6("lower"),), (ipv6("upper"),)) == nothing
    assert still_its_own((ipv6("whole"),), (ipv6("lower"),)) == nothing
    assert still_its_own((ipv6("lower", held=True),), (ipv6("upper"),)) == nothing
    assert still_its_own((ipv6("upper"),), (ipv6("upper", held=True),)) == nothing
    for held in (False, True):
        same = (ipv6("upper", held=held),)
        assert still_its_own(same, same) == same
    assert still_its_own((ipv6("upper", held=True),), (ipv6("upper"),)) == (
        ipv6("upper", held=True),
    )


def test_without_a_word_of_a_region_it_has_no_half_and_ipv4_is_as_it_was():
    assert still_its_own((ipv6("lower"), *SERVED), None) == (ipv6("none"), *SERVED)
    assert still_its_own(SERVED, (evolve(SECOND[0], half="lower"), SECOND[1])) == FIRST
