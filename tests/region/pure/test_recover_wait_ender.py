"""A newcomer that has to wait all the same: it is asked each second, and told of once."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.protocols import amp

from evenrack.errors import RecoverWaitRefused
from evenrack.model.dhcp_roles import Newcomer
from evenrack.model.identifiers import VlanId
from evenrack.region.errands.rack_errands import TOO_OLD
from evenrack.region.errands.recover_wait_ender import RecoverWaitEnder
from tests.dhcp_fleet import PROCESS, rack_id

NEWCOMER = Newcomer(vlan=VlanId(1), rack=rack_id(3), peer=rack_id(2))


class Link:
    """To a rack that refuses."""

    rack = rack_id(3)

    def __init__(self, problem):
        self.problem = problem

    async def end_recover_wait(self, vlan, peer):
        assert (vlan, peer) == (NEWCOMER.vlan, NEWCOMER.peer)
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (RecoverWaitRefused("its server is in recover"), "its server is in recover"),
        (amp.UnhandledCommand("UNHANDLED", "unknown"), TOO_OLD),
    ],
    ids=["refused", "too old"],
)
def test_rule_7_a_refusal_is_told_once_however_often_it_is_repeated(log, problem, why):
    ender = RecoverWaitEnder(None, None, PROCESS, Clock())

    def ask(link):
        Deferred.fromCoroutine(ender.tell(link, [NEWCOMER]))

    for _ in range(3):
        ask(Link(problem))
    assert len(log.about("waits for mclt", why)) == 1
    ask(Link(RecoverWaitRefused("no answer")))
    assert len(log.about("waits for mclt")) == 2
