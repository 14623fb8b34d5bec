"""A crowd of new clients at work: they come at the pace that is wanted, and leave when told to."""

import select
from contextlib import closing

from evenrack.lab.traffic.entry import Surroundings
from evenrack.lab.traffic.felt_file import BEGAN, ENDED, FeltFile
from evenrack.lab.traffic.ledger import acknowledged_line
from evenrack.lab.traffic.newcomers import Newcomers
from evenrack.lab.traffic.post import Post
from evenrack.lab.traffic.raw_link import RawLink
from evenrack.model.dhcp_packets import Kind, read_answer

TURN_SECONDS = 0.005
"""At 200 clients a second each turn lets one come."""
_BEFORE_THEY_LEAVE_SECONDS = 1.0
"""Whoever else keeps a ledger must have written down the last promise before it is given back."""
_LEAVE_TOGETHER = 20
_LEAVE_EVERY_SECONDS = 0.05


def crowd(post: Post, surroundings: Surroundings) -> None:
    """Let the clients come on this interface, write what they felt, and let them leave."""
    with (
        RawLink(post.interface) as link,
        closing(FeltFile(post.out)) as felt,
        closing(FeltFile(post.ledger)) as ledger,
    ):
        newcomers = Newcomers(
            post.client,
            post.newcomers,
            transaction=surroundings.transaction,
            tell=felt.append,
            record=ledger.append,
        )
        felt.append({"mono": surroundings.seconds(), "kind": BEGAN})
        _come(link, newcomers, ledger, surroundings)
        surroundings.sleep(_BEFORE_THEY_LEAVE_SECONDS)
        while frames := newcomers.leave(surroundings.seconds(), _LEAVE_TOGETHER):
            for frame in frames:
                link.send(frame)
            surroundings.sleep(_LEAVE_EVERY_SECONDS)
        felt.append({"mono": surroundings.seconds(), "kind": ENDED})


def _come(
    link: RawLink, newcomers: Newcomers, ledger: FeltFile, surroundings: Surroundings
) -> None:
    poller = select.poll()
    poller.register(link, select.POLLIN)
    while not surroundings.ended():
        for frame in newcomers.tick(surroundings.seconds()):
            link.send(frame)
        poller.poll(int(TURN_SECONDS * 1000))
        for frame in link.frames():
            answer, now = read_answer(frame), surroundings.seconds()
            if answer is None:
                continue
            if answer.kind is Kind.ACK:
                ledger.append(acknowledged_line(answer, now))
            for request in newcomers.heard(answer, now):
                link.send(request)
