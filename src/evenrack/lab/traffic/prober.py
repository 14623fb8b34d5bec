"""The prober of one VLAN: a new client every 200 ms, and one that lives long. No clock, no socket.

A client is unanswered when its DISCOVER or REBINDING broadcast is. While no server has ever
answered on this VLAN, DHCP is not on there, and nothing is counted.

A few clients more come for a lease and leave with it; they are not counted. What servers promise,
to them or to whomever, goes into the ledger.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

from attrs import evolve

from evenrack.lab.traffic.lease_holder import LeaseHolder
from evenrack.lab.traffic.ledger import acknowledged_line, released_line
from evenrack.lab.traffic.newcomers import Newcomers, Pace
from evenrack.lab.traffic.wait import LONG_SECONDS, LOST_SECONDS, Wait, begin_wait
from evenrack.model.dhcp_packets import Answer, Kind, discover, read_answer

NEW_CLIENT_SECONDS = 0.2
NEW_CLIENTS = 20
"""So many hardware addresses are used again and again; a pool needs a few more addresses."""
_LOCALLY_MADE = 0x02
_LAB = b"lab"

Line = dict[str, Any]


def made_up_mac(client: int, number: int) -> bytes:
    """Give a hardware address that is nobody's: the client host's, and one of many there."""
    return bytes([_LOCALLY_MADE, *_LAB, client, number])


class Prober:
    """Gives frames to send, takes frames that came, and tells what its clients felt."""

    def __init__(
        self,
        client: int,
        *,
        transaction: Callable[[], int],
        tell: Callable[[Line], None],
        record: Callable[[Line], None],
        newcomers: Pace,
    ) -> None:
        """`transaction` gives 32 random bits.

        `tell` gets one line after the other of what was felt, `record` those of the ledger.
        """
        self._transaction = transaction
        self._tell = tell
        self._record = record
        self._macs = [made_up_mac(client, number) for number in range(1, NEW_CLIENTS + 1)]
        self._waiting: dict[bytes, Wait] = {}
        self._holder = LeaseHolder(made_up_mac(client, 0), transaction)
        self._newcomers = Newcomers(
            client, newcomers, transaction=transaction, tell=_not_counted, record=record
        )
        self._ever_answered = False
        self._next_client = 0.0

    @property
    def held(self) -> Mapping[IPv4Address, bytes]:
        """The addresses that its clients have."""
        return self._holder.held

    def tick(self, now: float) -> list[bytes]:
        """Give the frames that are due now; call it every 50 ms or so."""
        self._give_up_the_lost(now)
        self._tell_of_long_waits(now)
        frames = [*self._ask_again(now), *self._new_client(now), *self._holder.tick(now)]
        return [*frames, *self._newcomers.tick(now)]

    def heard(self, frame: bytes, now: float) -> list[bytes]:
        """Take a frame that came, and give the frames that answer it at once."""
        answer = read_answer(frame)
        if answer is None:
            return []
        if answer.kind is Kind.ACK:
            self._record(acknowledged_line(answer, now))
        wait = self._waiting.get(answer.mac)
        if wait is not None and wait.is_answered_by(answer) and answer.kind is Kind.OFFER:
            del self._waiting[answer.mac]
            self._count(wait, answer, now)
        elif (ended := self._holder_heard(answer, now)) is not None:
            self._count(ended, answer, now)
        return [*self._holder.tick(now), *self._newcomers.heard(answer, now)]

    def _holder_heard(self, answer: Answer, now: float) -> Wait | None:
        held = self._holder.held
        ended = self._holder.heard(answer, now)
        for address, mac in held.items():
            if address not in self._holder.held:
                self._record(released_line(mac, address, now))
        return ended

    def _count(self, wait: Wait, answer: Answer, now: float) -> None:
        if not self._ever_answered:
            self._begin_to_count(now)
        refused = {"refused": True} if answer.kind is Kind.NAK else {}
        self._tell(wait.answered_line(now, answer, **refused))

    def _begin_to_count(self, now: float) -> None:
        """DHCP is on: who waited for that asks at once, and waits from now on."""
        self._ever_answered = True
        self._waiting = {mac: wait.begun_anew(now) for mac, wait in self._waiting.items()}

    def _give_up_the_lost(self, now: float) -> None:
        for mac, wait in list(self._waiting.items()):
            if wait.seconds(now) >= LOST_SECONDS:
                del self._waiting[mac]
                self._tell(wait.line(now, lost=True))
        rebinding = self._holder.waiting
        if rebinding is not None and rebinding.seconds(now) >= LOST_SECONDS:
            self._holder.give_up(now)
            self._tell(rebinding.line(now, lost=True))

    def _tell_of_long_waits(self, now: float) -> None:
        for mac, wait in self._waiting.items():
            if self._told_long(wait, now):
                self._waiting[mac] = evolve(wait, told=True)
        if self._holder.waiting is not None and self._told_long(self._holder.waiting, now):
            self._holder.told()

    def _told_long(self, wait: Wait, now: float) -> bool:
        if wait.told or not self._ever_answered or wait.seconds(now) < LONG_SECONDS:
            return False
        self._tell(wait.line(now, waiting=True))
        return True

    def _ask_again(self, now: float) -> list[bytes]:
        frames = []
        for mac, wait in self._waiting.items():
            if wait.is_due(now):
                again = wait.asked_again(now, counts=self._ever_answered)
                self._waiting[mac] = again
                frames.append(discover(again.asker(now)))
        return frames

    def _new_client(self, now: float) -> list[bytes]:
        """Let a client appear: the address in turn that nobody waits under; none when all wait."""
        if now < self._next_client:
            return []
        late = now - self._next_client
        # a turn that is a little late does not delay the next, and a pause is not made up for
        in_step = self._next_client if late < NEW_CLIENT_SECONDS else now
        self._next_client = in_step + NEW_CLIENT_SECONDS
        free = [mac for mac in self._macs if mac not in self._waiting]
        if not free:
            return []
        mac = free[0]
        self._macs.remove(mac)
        self._macs.append(mac)
        wait = begin_wait("discover", mac, self._transaction(), now)
        self._waiting[mac] = wait
        return [discover(wait.asker(now))]


def _not_counted(_line: Line) -> None:
    """How long newcomers of no check wait says nothing that others do not."""
