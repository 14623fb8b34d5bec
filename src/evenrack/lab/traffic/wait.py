"""One client's wait for an answer, and the line that tells of it."""

from typing import Any, Literal

from attrs import evolve, frozen

from evenrack.model.dhcp_packets import Answer, Asker

ASK_AGAIN_SECONDS = 1.0
LONG_SECONDS = 1.25
"""A wait of so long is told while it goes on, so that an outage is seen before it ends: what was
asked again was not answered at once either."""
LOST_SECONDS = 30.0

WaitKind = Literal["discover", "rebind", "lease"]
"""An answer to a new client, an answer to one that has a lease, or the whole way to a lease."""


@frozen(kw_only=True)
class Wait:
    """A client that asked and was not answered yet; times are monotonic seconds."""

    kind: WaitKind
    mac: bytes
    transaction: int
    began: float
    """When it asked first: what servers are told."""
    counted_from: float
    """When it asked first of a VLAN that has DHCP: what is measured."""
    asked_at: float
    told: bool = False
    """Whether it was already told that this one waits long."""

    def asker(self, now: float) -> Asker:
        """Say who asks, and for how long already."""
        return Asker(
            mac=self.mac, transaction=self.transaction, seconds=max(0, int(now - self.began))
        )

    def is_answered_by(self, answer: Answer) -> bool:
        """Tell the answer to this client from those to others."""
        return (answer.transaction, answer.mac) == (self.transaction, self.mac)

    def seconds(self, now: float) -> float:
        """Give the wait so far."""
        return now - self.counted_from

    def is_due(self, now: float) -> bool:
        """Say whether it is time to ask again."""
        return now - self.asked_at >= ASK_AGAIN_SECONDS

    def asked_again(self, now: float, *, counts: bool) -> "Wait":
        """Note that it asks once more; where nobody ever answered, the wait begins anew."""
        return evolve(self, asked_at=now, counted_from=self.counted_from if counts else now)

    def begun_anew(self, now: float) -> "Wait":
        """Forget how long it waited; it is due to ask at once."""
        return evolve(self, counted_from=now, asked_at=float("-inf"))

    def line(self, now: float, **told: Any) -> dict[str, Any]:
        """Tell of it: {"mono", "kind", "wait", "mac"} and what else is to be told."""
        wait = round(self.seconds(now), 6)
        return {"mono": now, "kind": self.kind, "wait": wait, "mac": self.mac.hex(":"), **told}

    def answered_line(self, now: float, answer: Answer, **told: Any) -> dict[str, Any]:
        """Tell of its end: the line, with {"server", "address"}."""
        server, address = str(answer.server), str(answer.address)
        return self.line(now, server=server, address=address, **told)


def begin_wait(kind: WaitKind, mac: bytes, transaction: int, now: float) -> Wait:
    """Begin to wait at the moment of the first question."""
    return Wait(
        kind=kind, mac=mac, transaction=transaction, began=now, counted_from=now, asked_at=now
    )
