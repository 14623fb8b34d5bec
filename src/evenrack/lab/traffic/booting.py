"""Machines of every kind of firmware that ask on one VLAN what to boot, and all they are told.

`python -m evenrack.lab.traffic.booting --interface vlan1 --card MAC` prints a JSON list. It asks as
somebody who has waited already, so that both servers of a pair answer.
"""

import argparse
import json
import select
import sys
from collections.abc import Mapping
from typing import Any

from evenrack.lab.traffic.entry import Surroundings, run_until_signalled
from evenrack.lab.traffic.raw_link import RawLink
from evenrack.model.boot import HTTP_ARCHITECTURES, TFTP_ARCHITECTURES
from evenrack.model.dhcp_packets import Answer, Asker, Code, Kind, discover, read_answer

BOOTING_MODULE = "evenrack.lab.traffic.booting"
LISTEN_SECONDS = 1.0
ASK_AGAIN_SECONDS = 0.3
SECONDS_WAITED = 10
"""More than `load balance max seconds`."""
SERVERS = 2
_CARD = bytes.fromhex("02626f6f7400")
_WANTED = bytes([Code.SUBNET_MASK, Code.ROUTERS, Code.NAME_SERVERS, 12, 15, 42, Code.VENDOR_CLASS])

Sent = Mapping[int, bytes]
"""Options by their codes."""

Offers = dict[tuple[str, str], dict[str, Any]]
"""What was offered, by the machine and the server."""


def machines() -> Mapping[str, Sent]:
    """Give what each kind of machine sends, by the setting that is meant for it."""
    by_tftp: dict[str, Sent] = {
        field: {Code.ARCHITECTURE: bytes([0, types[0]]), Code.VENDOR_CLASS: b"PXEClient"}
        for field, types in TFTP_ARCHITECTURES.items()
    }
    over_http: dict[str, Sent] = {
        field: {Code.ARCHITECTURE: bytes([0, types[0]]), Code.VENDOR_CLASS: b"HTTPClient"}
        for field, types in HTTP_ARCHITECTURES.items()
    }
    ipxe: Sent = {Code.ARCHITECTURE: bytes(2), Code.USER_CLASS: b"iPXE"}
    return by_tftp | over_http | {"boot_ipxe": ipxe}


def ask(link: RawLink, card: bytes, surroundings: Surroundings) -> Offers:
    """Ask as every kind of machine, and as BIOS with this card, until both servers answered all."""
    askers = _askers(card, surroundings)
    by_number = {asker.transaction: name for name, (asker, _) in askers.items()}
    offers: Offers = {}
    poller = select.poll()
    poller.register(link, select.POLLIN)
    ends_at, ask_at = surroundings.seconds() + LISTEN_SECONDS, 0.0
    while (now := surroundings.seconds()) < ends_at and len(offers) < SERVERS * len(askers):
        if now >= ask_at:
            ask_at = now + ASK_AGAIN_SECONDS
            for asker, sent in askers.values():
                link.send(discover(asker, sent))
        poller.poll(50)
        for answer in filter(None, map(read_answer, link.frames())):
            name = by_number.get(answer.transaction)
            if name is not None and answer.kind is Kind.OFFER:
                offers[name, str(answer.server)] = _told(answer)
    return offers


def _askers(card: bytes, surroundings: Surroundings) -> dict[str, tuple[Asker, Sent]]:
    sent = dict(machines())
    cards = {name: _CARD[:-1] + bytes([number]) for number, name in enumerate(sent)}
    sent["reserved"], cards["reserved"] = sent["boot_bios"], card
    return {
        name: (
            Asker(mac=cards[name], transaction=surroundings.transaction(), seconds=SECONDS_WAITED),
            {**options, Code.WANTED_OPTIONS: _WANTED},
        )
        for name, options in sent.items()
    }


def _told(answer: Answer) -> dict[str, Any]:
    """Give what may not differ between the servers, and what each says of itself."""
    own = {Code.SERVER, Code.KIND, Code.LEASE_SECONDS}
    options = {str(int(c)): v.hex() for c, v in sorted(answer.options.items()) if c not in own}
    return {
        "address": str(answer.address),
        "next_server": str(answer.next_server),
        "file": answer.boot_file.decode("utf-8", "backslashreplace"),
        "options": options,
    }


def main() -> int:
    """Ask once, print what came, and give the exit code."""
    parser = argparse.ArgumentParser(prog=BOOTING_MODULE, description=__doc__)
    parser.add_argument("--interface", required=True, help="where the machines hang")
    parser.add_argument("--card", required=True, type=_card, help="one with a reservation")
    options = parser.parse_args()

    def work(surroundings: Surroundings) -> None:
        with RawLink(options.interface) as link:
            offers = ask(link, options.card, surroundings)
        told = [{"machine": who, "server": by, **it} for (who, by), it in sorted(offers.items())]
        sys.stdout.write(json.dumps(told))

    return run_until_signalled(work)


def _card(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


if __name__ == "__main__":
    sys.exit(main())
