"""The program that is started on a host of the lab.

Its first argument is `strangers`, `flood`, `hello`, `speak`, `pose`, `replay`, `ask` or `tap`. It
prints one JSON object.
"""

import json
import socket
import sys
import time
from pathlib import Path

from evenrack.lab.clocks import Clocks
from evenrack.lab.intruder.false_words import speak_for_others
from evenrack.lab.intruder.flood import flood
from evenrack.lab.intruder.impostors import pose_as_region, say_hello
from evenrack.lab.intruder.replays import replay_enrolment
from evenrack.lab.intruder.strangers import (
    in_the_clear,
    of_another_cluster,
    send_all_commands,
    with_no_certificate,
    with_tls_1_2,
)
from evenrack.lab.intruder.token_use import ask_with_token
from evenrack.runtime.wall_clock import utc_now

CLOCKS = Clocks(seconds=time.monotonic, sleep=time.sleep, now=utc_now)
_EVERY_PROTOCOL = 0x0003
"""ETH_P_ALL, packet(7)."""
_LARGEST_FRAME = 65_536


def strangers(host: str, port: int, count: int) -> dict[str, object]:
    """Send `count` commands in each of four ways to be a stranger."""
    with of_another_cluster() as foreign:
        ways = {
            "in the clear": in_the_clear,
            "without a certificate": with_no_certificate,
            "with TLS 1.2": with_tls_1_2,
            "of another cluster": foreign,
        }
        return {way: send_all_commands(dial, host, port, count) for way, dial in ways.items()}


def tap(out: Path, seconds: float) -> dict[str, object]:
    """Write down every byte on every interface of this host."""
    end = time.monotonic() + seconds
    size = 0
    every = socket.htons(_EVERY_PROTOCOL)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, every) as wires, out.open("wb") as file:
        wires.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        while (left := end - time.monotonic()) > 0:
            wires.settimeout(left)
            try:
                size += file.write(wires.recv(_LARGEST_FRAME))
            except TimeoutError:
                break
    return {"bytes": size}


def main() -> None:
    """Do what the arguments say."""
    deed, *rest = sys.argv[1:]
    if deed == "strangers":
        told = strangers(rest[0], int(rest[1]), int(rest[2]))
    elif deed == "flood":
        told = flood(rest[0], int(rest[1]), int(rest[2]), float(rest[3]), CLOCKS)
    elif deed == "hello":
        told = say_hello(Path(rest[0]), rest[1], int(rest[2]), int(rest[3]))
    elif deed == "pose":
        told = pose_as_region(Path(rest[0]), rest[1], int(rest[2]), float(rest[3]))
    elif deed == "replay":
        told = replay_enrolment(Path(rest[0]), rest[1], int(rest[2]))
    elif deed == "speak":
        told = speak_for_others(Path(rest[0]), rest[1], int(rest[2]), int(rest[3]), rest[4])
    elif deed == "ask":
        told = ask_with_token(Path(rest[0]), rest[1], int(rest[2]))
    else:
        told = tap(Path(rest[0]), float(rest[1]))
    print(json.dumps(told))  # noqa: T201  who started it reads this


if __name__ == "__main__":
    main()
