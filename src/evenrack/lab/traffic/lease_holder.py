"""The long-lived client: gets a lease once, and has it prolonged by a broadcast every 2 s.

A small machine, without a clock or a socket: wanting a lease, taking an offer, holding a lease
(asking for more of it, or resting). How long it takes to get the lease is not measured here, for
new clients show that; what counts is how long its broadcasts for more of it wait.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from attrs import evolve, frozen

from evenrack.lab.traffic.wait import Wait, begin_wait
from evenrack.model.dhcp_packets import (
    Answer,
    Kind,
    discover,
    request_rebinding,
    request_selecting,
)

REBIND_SECONDS = 2.0
_FOREVER = 0xFFFFFFFF
_MOST_REQUESTS = 4
"""So often it asks the server of an offer before it looks for another one."""


@frozen(kw_only=True)
class _Held:
    address: IPv4Address
    ends: float


class LeaseHolder:
    """Asks, and takes what it is given; `waiting` is the broadcast that is measured."""

    def __init__(self, mac: bytes, transaction: Callable[[], int]) -> None:
        self.waiting: Wait | None = None
        self._mac = mac
        self._transaction = transaction
        self._asking: Wait | None = None
        self._offer: Answer | None = None
        self._requests = 0
        self._held: _Held | None = None
        self._next = 0.0

    @property
    def held(self) -> Mapping[IPv4Address, bytes]:
        """The address it has, for whoever looks for its hardware address."""
        return {} if self._held is None else {self._held.address: self._mac}

    def tick(self, now: float) -> list[bytes]:
        """Give the frames that are due now."""
        if self._held is None:
            return self._get_a_lease(now)
        if self.waiting is not None:
            if not self.waiting.is_due(now):
                return []
            self.waiting = self.waiting.asked_again(now, counts=True)
        elif now < self._next:
            return []
        else:
            self.waiting = begin_wait("rebind", self._mac, self._transaction(), now)
        return [request_rebinding(self.waiting.asker(now), address=self._held.address)]

    def heard(self, answer: Answer, now: float) -> Wait | None:
        """Take an answer; give the wait that it ends."""
        if self.waiting is not None and self.waiting.is_answered_by(answer):
            if answer.kind is Kind.OFFER:
                return None
            ended, self.waiting = self.waiting, None
            self._take(answer, now)
            return ended
        if self._asking is not None and self._asking.is_answered_by(answer):
            self._hear_while_getting(answer, now)
        return None

    def told(self) -> None:
        """Note that it was told of this wait."""
        if self.waiting is not None:
            self.waiting = evolve(self.waiting, told=True)

    def give_up(self, now: float) -> None:
        """End a wait that was too long: ask anew, for a new lease when this one has run out."""
        self.waiting = None
        if self._held is not None and now >= self._held.ends:
            self._held = None

    def _get_a_lease(self, now: float) -> list[bytes]:
        if self._asking is None:
            if now < self._next:  # it was refused a moment ago
                return []
            self._asking = begin_wait("discover", self._mac, self._transaction(), now)
        elif not self._asking.is_due(now):
            return []
        self._asking = self._asking.asked_again(now, counts=False)
        if self._requests >= _MOST_REQUESTS:
            self._offer = None
        if self._offer is None:
            return [discover(self._asking.asker(now))]
        return [self._take_offer(self._asking, self._offer, now)]

    def _take_offer(self, asking: Wait, offer: Answer, now: float) -> bytes:
        self._requests += 1
        return request_selecting(asking.asker(now), address=offer.address, server=offer.server)

    def _hear_while_getting(self, answer: Answer, now: float) -> None:
        if answer.kind is not Kind.OFFER:
            self._take(answer, now)
        elif self._offer is None and self._asking is not None:
            self._offer, self._requests = answer, 0
            self._asking = evolve(self._asking, asked_at=float("-inf"))  # due at once

    def _take(self, answer: Answer, now: float) -> None:
        self._asking = self._offer = None
        self._next = now + REBIND_SECONDS
        if answer.kind is Kind.NAK:
            self._held = None
            return
        lease = _FOREVER if answer.lease_seconds is None else answer.lease_seconds
        self._held = _Held(address=answer.address, ends=now + lease)
