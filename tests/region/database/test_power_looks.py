"""What a process makes of a look at BMCs that are due, with the database that says which are."""

import pytest
from twisted.internet.task import Clock

from evenrack.errors import CannotEverWork, Damaged, KeyMissing, SchemaMismatch
from evenrack.model.power import PowerOutcome
from evenrack.region.database.fleet_cache import FleetCache
from evenrack.region.power.power_polling import PollingSource, PowerPolling
from tests.region.database.orders.order_rows import fleet  # noqa: F401  for the next
from tests.region.database.test_state_store import (  # noqa: F401  the fixture is used by its name
    POLL,
    polled,
    saw,
)

pytestmark = pytest.mark.postgres


class Unhurried(FleetCache):
    """A cache that nobody may ask for what racks found out about hosts."""

    def read(self, connection):
        raise AssertionError("a look at BMCs needs no answers about hosts")


class AtOnce:
    """The database of a test, whose answers do not have to be waited for."""

    def __init__(self, sessions):
        self._sessions = sessions

    async def read(self, work):
        return self._sessions.run(work)

    run = read


class Linked:
    """Every rack is connected."""

    def newest_admitted(self, rack):
        return rack


class Asked:
    """Stands for the racks, and says what came of each question, or raises it."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.bmcs = []

    async def ask(self, link, order, fleet):  # noqa: F811
        self.bmcs.append(order.bmc)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def look(polled, outcome, seconds=0.6):  # noqa: F811
    """Let a process look for so long; gives which BMCs were asked."""
    clock, asked = Clock(), Asked(outcome)
    source = PollingSource(
        database=AtOnce(polled),
        cache=Unhurried(),
        connected=Linked(),
        orders=asked,
        process=polled.me,
    )
    polling = PowerPolling(source, clock, POLL)
    polling.startService()
    clock.pump([0.1] * round(seconds * 10))
    polling.stopService()
    return asked.bmcs


def known(polled):  # noqa: F811
    rows = "SELECT string_agg(state || failures || error, ';' ORDER BY bmc_id) FROM bmc_state"
    return polled.value(rows)


def test_a_look_needs_no_answers_about_hosts(polled):  # noqa: F811
    assert look(polled, saw("on")) == [1, 2]
    assert known(polled) == "on0;on0"


@pytest.mark.parametrize(
    "problem",
    [KeyMissing("k"), Damaged("what is stored does not open"), SchemaMismatch("0019")],
    ids=lambda problem: type(problem).__name__,
)
def test_what_is_wrong_with_this_process_is_no_failure_of_the_bmcs(polled, problem):  # noqa: F811
    look(polled, saw("on"))
    polled.change("UPDATE bmc_state SET next_at = now()")
    assert look(polled, problem) == [1, 2]
    assert known(polled) == "on0;on0"


def test_a_bmc_that_its_rack_could_not_ask_lets_others_have_their_turn(polled):  # noqa: F811
    held = PowerOutcome(result="failed", state="unknown", error="no lease", retryable=True)
    assert look(polled, held, seconds=5) == [1, 2]
    assert known(polled) == "unknown0;unknown0"
    polled.change("UPDATE bmc_state SET next_at = next_at - interval '10 s' WHERE bmc_id = 2")
    assert look(polled, held) == [2]


def test_what_only_this_bmc_can_have_is_its_failure(polled):  # noqa: F811
    look(polled, CannotEverWork("no such driver"))
    assert known(polled) == "unknown1no such driver;unknown1no such driver"
