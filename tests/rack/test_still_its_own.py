"""What a rack starts again when it comes back: only what nobody else may serve by now."""

from attrs import evolve

from evenrack.model.dhcp_plan import Peer, shared_part
from evenrack.model.identifiers import RackId
from evenrack.model.snippet import Snippet
from evenrack.rack.still_its_own import still_its_own
from tests.rack.converging import FIRST, SECOND

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
