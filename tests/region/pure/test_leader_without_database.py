"""A leader whose database does not answer: it tries once more soon, and then each second."""

from attrs import define
from twisted.internet.task import Clock

from evenrack.config.region_config import BalanceSettings
from evenrack.errors import DatabaseUnreachable
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.database.process_store import Incarnation
from evenrack.region.leading.leader import RETRY_SECONDS, Leader
from evenrack.region.service import leader_settings


@define
class Away:
    """`Database`, and the session of the lock; nobody answers."""

    asked: int = 0

    async def run(self, _work):
        self.asked += 1
        raise DatabaseUnreachable("away")

    def own_connection(self, _purpose):
        return self


class Alone:
    """`leader.Members`: nobody else."""

    me = Incarnation(process="region1/1", incarnation=1)

    def silent(self):
        return []


def test_who_led_tries_again_at_once_for_a_hiccup_and_then_each_second():
    database, clock = Away(), Clock()
    settings = leader_settings(BalanceSettings())
    leader = Leader(database, FleetCache(), Alone(), clock, lambda work: work(), settings)
    leader.seat.epoch = 1
    leader.startService()
    clock.advance(0.02)
    assert (database.asked, leader.seat.epoch) == (1, None)
    clock.advance(RETRY_SECONDS)
    assert database.asked == 2
    clock.pump([RETRY_SECONDS] * 9)
    assert database.asked == 2, "it is away for longer"
    clock.advance(RETRY_SECONDS)
    assert database.asked == 3
    leader.stopService()
