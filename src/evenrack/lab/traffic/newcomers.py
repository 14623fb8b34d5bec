"""Clients that nobody saw before: each takes a lease, has it for a while, and gives it back.

New ones show what others do not: an address that a server believes to be free. No clock, no socket.
"""

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen

from evenrack.lab.traffic.ledger import released_line
from evenrack.lab.traffic.wait import LOST_SECONDS, Wait, begin_wait
from evenrack.model.dhcp_packets import (
    Answer,
    Asker,
    Kind,
    discover,
    release,
    request_init_reboot,
    request_selecting,
)

HOLD_SECONDS = 5.0
_MOST_REQUESTS = 3
"""So often one asks the server of an offer before it looks for another one, as udhcpc does: one
more would take the 4 s that nobody may wait, whatever the other server does."""
_LATE_SECONDS = 1.0
"""Those of a longer pause do not come any more."""
_LOCALLY_MADE = 0x02
_NEWCOMER = ord("n")
_NUMBER_BYTES = 3

Tell = Callable[[dict[str, Any]], None]


@frozen(kw_only=True)
class Pace:
    """How many come, how fast, and how long they stay."""

    per_second: float
    most: int | None = None
    """So many come; None: they come without end."""
    hold_seconds: float | None = HOLD_SECONDS
    """How long each has its lease; None: until all give theirs back together."""
    says_seconds: bool = True
    """Whether they say for how long they ask, so that a second server may answer, too."""
    covet: bool = False
    """Whether each first claims an address that another one has: no server may grant it."""
    first: int = 1
    """The number of the first; who runs beside others counts from elsewhere."""


@frozen(kw_only=True)
class _Asking:
    wait: Wait
    offer: Answer | None = None
    requests: int = 0
    was_refused: bool = False
    """It began anew at once when it was refused; a second time it waits for its next second."""


@frozen(kw_only=True)
class _Holding:
    given: Answer
    since: float


class Newcomers:
    """Gives frames to send, takes answers; tells what each felt, and records what it gave back."""

    def __init__(
        self,
        client: int,
        pace: Pace,
        *,
        transaction: Callable[[], int],
        tell: Tell,
        record: Tell,
    ) -> None:
        """`client` is the number of their host; `transaction` gives 32 random bits."""
        self._client = client
        self._pace = pace
        self._transaction = transaction
        self._tell = tell
        self._record = record
        self._came = 0
        self._next: float | None = None
        self._asking: dict[bytes, _Asking] = {}
        self._holding: dict[bytes, _Holding] = {}

    def tick(self, now: float) -> list[bytes]:
        """Give the frames that are due now."""
        self._give_up(now)
        return [*self._ask_again(now), *self._come(now), *self._leave(now)]

    def heard(self, answer: Answer, now: float) -> list[bytes]:
        """Take an answer; give the frame that follows at once."""
        asking = self._asking.get(answer.mac)
        if asking is None or not asking.wait.is_answered_by(answer):
            return []
        if answer.kind is Kind.OFFER:
            if asking.offer is not None:
                return []
            return [self._request(evolve(asking, offer=answer, requests=0), now)]
        if answer.kind is Kind.NAK:
            return self._begin_anew(asking, now)
        del self._asking[answer.mac]
        self._holding[answer.mac] = _Holding(given=answer, since=now)
        self._tell(asking.wait.answered_line(now, answer))
        return []

    def _begin_anew(self, asking: _Asking, now: float) -> list[bytes]:
        """Let one that was refused look for another address, as a client in INIT (RFC 2131, 3.1).

        Its transaction is a new one: what was said of the old one is nothing to it any more.
        """
        if asking.was_refused:
            self._asking[asking.wait.mac] = evolve(asking, offer=None)
            return []
        again = evolve(asking.wait.asked_again(now, counts=True), transaction=self._transaction())
        self._asking[again.mac] = _Asking(wait=again, was_refused=True)
        return [self._discover(again, now)]

    def leave(self, now: float, most: int) -> list[bytes]:
        """Let some of those who stay give their leases back; none are left when it gives none."""
        return [self._release(mac, now) for mac in list(self._holding)[:most]]

    def _come(self, now: float) -> list[bytes]:
        frames: list[bytes] = []
        self._next = now if self._next is None else max(self._next, now - _LATE_SECONDS)
        while now >= self._next and self._came != self._pace.most:
            self._next += 1 / self._pace.per_second
            number = self._pace.first + self._came
            self._came += 1
            mac = newcomer_mac(self._client, number)
            wait = begin_wait("lease", mac, self._transaction(), now)
            self._asking[mac] = _Asking(wait=wait)
            frames += [*self._claim(mac), self._discover(wait, now)]
        return frames

    def _claim(self, mac: bytes) -> list[bytes]:
        """Ask for what another one has, as if it had been this one's before it restarted.

        The answer is not for anybody here: the ledger shows if it is an acknowledgement.
        """
        if not self._pace.covet or not self._holding:
            return []
        held = [holding.given.address for holding in self._holding.values()]
        asker = Asker(mac=mac, transaction=self._transaction())
        return [request_init_reboot(asker, address=held[self._came % len(held)])]

    def _ask_again(self, now: float) -> list[bytes]:
        frames = []
        for mac, asking in list(self._asking.items()):
            if not asking.wait.is_due(now):
                continue
            if asking.offer is not None and asking.requests < _MOST_REQUESTS:
                frames.append(self._request(asking, now))
                continue
            again = asking.wait.asked_again(now, counts=True)
            self._asking[mac] = _Asking(wait=again)
            frames.append(self._discover(again, now))
        return frames

    def _request(self, asking: _Asking, now: float) -> bytes:
        offer = asking.offer
        assert offer is not None  # noqa: S101  who asks for it has it
        wait = asking.wait.asked_again(now, counts=True)
        self._asking[wait.mac] = evolve(asking, wait=wait, requests=asking.requests + 1)
        return request_selecting(wait.asker(now), address=offer.address, server=offer.server)

    def _leave(self, now: float) -> list[bytes]:
        hold = self._pace.hold_seconds
        if hold is None:
            return []
        over = [mac for mac, held in self._holding.items() if now - held.since >= hold]
        return [self._release(mac, now) for mac in over]

    def _discover(self, wait: Wait, now: float) -> bytes:
        asker = wait.asker(now)
        return discover(asker if self._pace.says_seconds else evolve(asker, seconds=0))

    def _release(self, mac: bytes, now: float) -> bytes:
        given = self._holding.pop(mac).given
        self._record(released_line(mac, given.address, now))
        return release(Asker(mac=mac, transaction=self._transaction()), given)

    def _give_up(self, now: float) -> None:
        for mac, asking in list(self._asking.items()):
            if asking.wait.seconds(now) >= LOST_SECONDS:
                del self._asking[mac]
                self._tell(asking.wait.line(now, lost=True))


def newcomer_mac(client: int, number: int) -> bytes:
    """Give a hardware address that was nobody's: the client host's, and one of many there."""
    return bytes([_LOCALLY_MADE, _NEWCOMER, client, *number.to_bytes(_NUMBER_BYTES)])
