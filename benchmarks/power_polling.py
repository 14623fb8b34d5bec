"""What a rack's processor is needed for while nobody orders anything: power states, and probes.

The BMCs are those of the tests that speak suite 17 (`suite_bmc`), in a program of their own: a
thousand `ipmi_sim` would take the processor away.
A program that is the rack has the product's desk, driver and probes, and nothing else of a rack.
Looks are made ten times as often as with the default settings, so that 1,000 need half a minute.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any, Final

from benchmarks.measure import PROJECT, Figure

FIRST: Final = IPv4Address("127.78.0.1")
PORT: Final = 6230
POLLED: Final = (250, 500, 1000)
"""BMCs of the rack."""
PROBED: Final = (1000, 10_000)
FLEET, RACKS, POLL_SECONDS = 10_000, 10, 300.0
FASTER: Final = 10.0
PROBING_SECONDS: Final = 20.0
ROUND_SECONDS: Final = 600.0
"""Within which each rack is to have asked every BMC of the fleet again."""


def measure() -> list[Figure]:
    """Let one rack look after more and more BMCs."""
    figures = []
    share = 0.0
    for count in POLLED:
        with _bmcs(count):
            told = _run("polls", count)
        per_look = told["cpu"] / told["looks"]
        share = per_look * FLEET / RACKS / POLL_SECONDS
        wall = f"{told['looks']} looks in {told['seconds']:.1f} s"
        figures.append(_figure(f"poll-cpu-{count}", per_look * 1e3, "ms", None, wall))
    of = f"{FLEET:,} BMCs on {RACKS} racks, each every {POLL_SECONDS:g} s"
    figures.append(_figure("poll-share", share * 100, "%", 10.0, of))
    for count in PROBED:
        with _bmcs(count):
            told = _run("probes", count)
        of = f"{told['asked']} probes in {told['seconds']:.1f} s"
        share = told["cpu"] / told["seconds"]
        target = 5.0 if count == FLEET else None
        figures.append(_figure(f"probe-share-{count}", share * 100, "%", target, of))
        if count == FLEET:
            again = FLEET * told["seconds"] / told["asked"]
            figures.append(_figure("probe-round", again, "s", ROUND_SECONDS, ""))
    return figures


def _figure(name: str, value: float, unit: str, target: float | None, peer: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, target=target, peer=peer)


def _program(*words: object) -> list[str]:
    return [sys.executable, "-m", "benchmarks.power_polling", *map(str, words)]


@contextmanager
def _bmcs(count: int) -> Iterator[None]:
    with subprocess.Popen(
        _program("bmcs", count), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bmcs:
        try:
            if bmcs.stdout is None or not bmcs.stdout.readline():
                raise TimeoutError("the BMCs did not start")
            yield
        finally:
            bmcs.kill()


def _run(what: str, count: int) -> dict[str, Any]:
    said = subprocess.run(_program(what, count), cwd=PROJECT, check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(said.stdout)
    return told


# The programs


def main(words: Sequence[str]) -> None:
    """Be so many BMCs (`bmcs N`), or the rack that asks them (`polls N`, `probes N`)."""
    from twisted.internet import reactor  # noqa: PLC0415  only in these programs
    from twisted.internet.defer import Deferred  # noqa: PLC0415
    from twisted.internet.task import react  # noqa: PLC0415

    what, count = words[0], int(words[1])
    work = {"bmcs": _be_bmcs, "polls": _poll, "probes": _probe}[what]
    react(lambda _reactor: Deferred.fromCoroutine(work(reactor, count)))


async def _be_bmcs(_reactor: Any, count: int) -> None:
    from twisted.internet.defer import Deferred  # noqa: PLC0415

    from tests.rack.power.suite_bmc import SuiteBmc  # noqa: PLC0415

    for number in range(count):
        SuiteBmc().listen(str(FIRST + number), PORT)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await Deferred()  # until it is killed


async def _poll(reactor: Any, count: int) -> None:
    """Look at each once for a start, and then once more, evenly spread, which is what counts."""
    from twisted.internet.defer import Deferred, gatherResults  # noqa: PLC0415
    from twisted.internet.task import deferLater  # noqa: PLC0415

    from benchmarks.used_cpu import own_cpu  # noqa: PLC0415
    from evenrack.model.power import power_order_from_json, power_outcome_to_json  # noqa: PLC0415
    from evenrack.rack.power.desk import PowerDesk, PowerSurroundings  # noqa: PLC0415
    from evenrack.rack.power.drivers import every_driver  # noqa: PLC0415

    driver: Any = every_driver(reactor, _no_places())

    async def record(*_phase: object) -> bool:
        return True

    desk = PowerDesk(
        PowerSurroundings(driver=driver, record=record, may_act=lambda: True, clock=reactor)
    )
    desk.startService()

    async def look(told: str) -> bool:
        """Do what a rack does with a look that its region asks for, but for the link itself."""
        outcome = await desk.take(power_order_from_json(json.loads(told)))
        return '"result": "ok"' in json.dumps(power_outcome_to_json(outcome))

    asked = [_look_as_told(number) for number in range(count)]
    for told in asked:
        await look(told)
    pause = POLL_SECONDS / FASTER / (FLEET / RACKS)
    began, before = reactor.seconds(), own_cpu()
    looks = []
    for number, told in enumerate(asked):
        looks.append(Deferred.fromCoroutine(look(told)))
        await deferLater(reactor, max(0.0, began + (number + 1) * pause - reactor.seconds()))
    if not all(await gatherResults(looks)):
        raise TimeoutError("not every BMC answered")
    used, seconds = own_cpu() - before, reactor.seconds() - began
    sys.stdout.write(json.dumps({"looks": count, "seconds": seconds, "cpu": used}))


async def _probe(reactor: Any, count: int) -> None:
    """Ask all that there are as a rack does, after the second in which everything is new."""
    from twisted.internet.task import deferLater  # noqa: PLC0415

    from benchmarks.used_cpu import own_cpu  # noqa: PLC0415
    from evenrack.model.identifiers import BmcId  # noqa: PLC0415
    from evenrack.model.power import BmcTarget  # noqa: PLC0415
    from evenrack.rack.power.by_name import answers_here  # noqa: PLC0415
    from evenrack.rack.power.reach_watch import ReachWatch  # noqa: PLC0415

    targets = tuple(
        BmcTarget(bmc=BmcId(number + 1), address=FIRST + number, port=PORT)
        for number in range(count)
    )
    places, asked, silent = _no_places(), 0, 0

    async def ask(host: Any, port: int) -> bool:
        nonlocal asked, silent
        asked += 1
        answers = await answers_here(reactor, places, host, port)
        silent += not answers
        return answers

    watch = ReachWatch(lambda: targets, ask, reactor)
    watch.startService()
    await deferLater(reactor, 2.0)
    began, before, first = reactor.seconds(), own_cpu(), asked
    await deferLater(reactor, PROBING_SECONDS)
    used, seconds = own_cpu() - before, reactor.seconds() - began
    if silent:
        raise TimeoutError(f"{silent} of {asked} did not answer")
    told = {"asked": asked - first, "seconds": seconds, "cpu": used}
    sys.stdout.write(json.dumps(told))


def _no_places() -> Any:
    """Give what is asked for names only: there are none here."""
    from twisted.internet import reactor  # noqa: PLC0415

    from evenrack.rack.power.by_name import Places  # noqa: PLC0415
    from evenrack.rack.power.names import Names  # noqa: PLC0415

    resolver: Any = None
    clock: Any = reactor

    async def networks() -> tuple[()]:
        return ()

    return Places(Names(resolver, clock), networks, clock)


def _look_as_told(number: int) -> str:
    from evenrack.model.identifiers import BmcId  # noqa: PLC0415
    from evenrack.model.power import (  # noqa: PLC0415
        NO_ORDER,
        BmcAccess,
        PowerOrder,
        power_order_to_json,
    )
    from tests.rack.power.suite_bmc import PASSWORD, USER  # noqa: PLC0415

    access = BmcAccess(
        address=FIRST + number, port=PORT, user=USER, password=PASSWORD, driver="ipmi"
    )
    order = PowerOrder(
        id=NO_ORDER,
        attempt=1,
        bmc=BmcId(number + 1),
        access=access,
        action="query",
        seconds_left=60.0,
    )
    return json.dumps(power_order_to_json(order))


if __name__ == "__main__":
    main(sys.argv[1:])
