"""The prober at work: waits for frames and for the next turn, until it is told to end."""

import select
from contextlib import closing
from typing import Any

from evenrack.lab.traffic.entry import Surroundings
from evenrack.lab.traffic.felt_file import BEGAN, ENDED, FeltFile
from evenrack.lab.traffic.post import Post
from evenrack.lab.traffic.prober import Prober
from evenrack.lab.traffic.raw_link import RawLink

TURN_SECONDS = 0.05
"""How late a question may be; what is measured is when it was asked and answered."""


def probe(post: Post, surroundings: Surroundings) -> None:
    """Ask on this interface and write what is felt and promised, until it is to end."""
    with (
        RawLink(post.interface) as link,
        closing(FeltFile(post.out)) as felt,
        closing(FeltFile(post.ledger)) as ledger,
    ):
        _probe(link, post, surroundings, felt, ledger)


def _probe(
    link: RawLink, post: Post, surroundings: Surroundings, felt: FeltFile, ledger: FeltFile
) -> None:
    def tell(line: dict[str, Any]) -> None:
        felt.append({"at": round(surroundings.wall(), 6), **line})

    prober = Prober(
        post.client,
        transaction=surroundings.transaction,
        tell=tell,
        record=ledger.append,
        newcomers=post.newcomers,
    )
    poller = select.poll()
    poller.register(link, select.POLLIN)
    tell({"mono": surroundings.seconds(), "kind": BEGAN})
    while not surroundings.ended():
        for frame in prober.tick(surroundings.seconds()):
            link.send(frame)
        poller.poll(int(TURN_SECONDS * 1000))
        for frame in link.frames():
            for answer in prober.heard(frame, surroundings.seconds()):
                link.send(answer)
        link.hold(prober.held)
    tell({"mono": surroundings.seconds(), "kind": ENDED})
