"""How region and rack agree on whom to trust: told by a ping, asked, kept, and confirmed."""

import pytest

from evenrack.errors import DatabaseUnreachable
from evenrack.wire.region_commands import ListAuthorities, Ping
from tests.wire.both_ends import RACK, Link

OLD, NEW = "old authority", "new and old authority"


class Agreeing:
    """A link whose region tells whom to trust; its fingerprint is the list itself."""

    def __init__(self, told=OLD, *, trusts="", **rack):
        self.link = Link(rack=rack)
        self.world = self.link.world
        self.door = self.link.desk.door
        self.memory = self.link.memory
        self.memory.trusts = trusts
        self.asked = []
        self.door.authorities = self.authorities
        self.tell(told)
        self.link.introduce()

    def tell(self, told):
        self.door.fingerprint = self.list = told

    async def authorities(self, rack, known):
        self.asked.append((rack, known))
        return self.list.encode()


def test_a_rack_learns_whom_to_trust_and_confirms_it():
    agreeing = Agreeing()
    assert agreeing.memory.trusts == OLD
    assert agreeing.asked == [(RACK, ""), (RACK, OLD)]


def test_a_rack_that_trusts_them_already_says_so_once_and_asks_no_more():
    agreeing = Agreeing(trusts=OLD)
    agreeing.world.advance(10.0)
    assert agreeing.asked == [(RACK, OLD)]


def test_once_both_agree_nothing_is_asked_again():
    agreeing = Agreeing()
    agreeing.world.advance(30.0)
    assert len(agreeing.asked) == 2


def test_a_list_that_changes_later_is_learnt_with_the_next_ping():
    agreeing = Agreeing()
    agreeing.tell(NEW)
    agreeing.world.advance(1.1)
    assert agreeing.memory.trusts == NEW
    assert agreeing.asked[2:] == [(RACK, OLD), (RACK, NEW)]
    agreeing.tell(OLD)
    agreeing.world.advance(1.1)
    assert agreeing.memory.trusts == OLD


def test_a_list_that_changes_between_two_pings_is_agreed_on_in_the_end():
    agreeing = Agreeing()
    agreeing.door.fingerprint, agreeing.list = "between", NEW  # the ping told of an older one
    agreeing.world.advance(1.1)
    agreeing.tell(NEW)
    agreeing.world.advance(1.1)
    assert agreeing.memory.trusts == NEW
    assert agreeing.asked[-1] == (RACK, NEW)
    asked = len(agreeing.asked)
    agreeing.world.advance(10.0)
    assert len(agreeing.asked) == asked


def test_a_list_that_the_rack_does_not_believe_is_confirmed_as_not_known_and_not_asked_for_anew():
    agreeing = Agreeing(trusts=OLD, trust=lambda told: None)
    agreeing.tell(NEW)
    agreeing.world.advance(10.0)
    assert agreeing.memory.trusts == OLD
    assert agreeing.asked == [(RACK, OLD), (RACK, OLD)]


def test_a_region_that_knows_nobody_is_not_asked():
    agreeing = Agreeing("")
    agreeing.world.advance(5.0)
    assert agreeing.asked == []
    assert ListAuthorities.commandName not in agreeing.link.wire.from_client


@pytest.mark.parametrize("problem", [DatabaseUnreachable("no answer")])
def test_a_region_that_cannot_tell_is_asked_with_each_ping_until_it_can(problem):
    agreeing = Agreeing("")
    answers = agreeing.door.authorities

    async def unreachable(rack, known):
        raise problem

    agreeing.door.authorities = unreachable
    agreeing.tell(OLD)
    before = agreeing.link.wire.from_client.count(Ping.commandName)
    agreeing.world.advance(3.0)
    assert agreeing.memory.trusts == ""
    assert agreeing.link.wire.from_client.count(Ping.commandName) == before + 3
    agreeing.door.authorities = answers
    agreeing.world.advance(1.1)
    assert agreeing.memory.trusts == OLD


def test_each_link_agrees_for_itself_since_each_process_may_know_another_list():
    first = Agreeing()
    second = Agreeing(trusts=first.memory.trusts)
    assert (len(first.asked), len(second.asked)) == (2, 1)


def test_a_certificate_is_renewed_under_the_rack_s_own_name():
    link = Link().introduce()
    assert link.ask(link.rack.renew_certificate(b"request")).value() == b"certificate"
    assert link.desk.door.told[-1] == ("renew", RACK)
