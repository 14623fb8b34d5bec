"""Run a real dhcpd on one end of a cable, ask it from the other end, and print what it offers.

A program for a network namespace of its own, which takes cable and server away when it ends:
`unshare --net python ask_dhcpd.py DHCPD FOLDER ADDRESS/PREFIX [?]MAC[=OPTIONS]...`; the folder
holds dhcpd.conf, OPTIONS are those that the card sends besides, in hexadecimal, and a card with `?`
asks once only. It prints, for each card and by its argument, null without an offer, or `{"address":
TEXT, "next_server": TEXT, "file": TEXT, "options": {CODE: HEXADECIMAL}}` (RFC 2131, RFC 2132).
"""

import json
import socket
import struct
import sys
import time
from pathlib import Path
from subprocess import Popen

from evenrack.runtime.child_process import run_program

SERVER, CLIENT = "server", "client"
ASK_AGAIN_SECONDS = 0.5
GIVE_UP_SECONDS = 60
ETHERTYPE_IP = 0x0800
UDP = 17
EVERYONE = b"\xff" * 6
COOKIE = b"\x63\x82\x53\x63"
END = b"\xff"
DISCOVER = bytes([53, 1, 1])
WANTED = bytes([55, 10, 1, 3, 6, 12, 15, 26, 42, 51, 60, 119])
FIXED_PART = struct.Struct("!BBBBIHH4s4s4s4s16s192s")


def main(dhcpd, folder, address, *cards):
    folder = Path(folder)
    leases = folder / "dhcpd.leases"
    leases.touch()
    for command in (
        f"link add {SERVER} type veth peer name {CLIENT}",
        f"addr add {address} dev {SERVER}",
        f"link set {SERVER} up",
        f"link set {CLIENT} up",
    ):
        run_program(["ip", *command.split()], seconds=10)
    files = ["-cf", str(folder / "dhcpd.conf"), "-lf", str(leases)]
    command = [dhcpd, "-4", "-f", "-d", "--no-pid", *files, SERVER]
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    # not in a session of its own: whoever has to kill us kills dhcpd with us
    with (folder / "dhcpd.log").open("wb") as log, Popen(command, stderr=log) as server:  # noqa: S603
        try:
            told = {card: ask(card, give_up_at) for card in cards}
        finally:
            server.kill()
    sys.stdout.write(json.dumps(told))


def ask(card, give_up_at):
    """Ask on behalf of one card, again and again until there is an offer."""
    mac, _, more = card.removeprefix("?").partition("=")
    asks_once = card.startswith("?")
    card = bytes.fromhex(mac.replace(":", ""))
    number = int.from_bytes(card[2:])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IP)) as cable:
        cable.bind((CLIENT, ETHERTYPE_IP))
        cable.settimeout(ASK_AGAIN_SECONDS)
        while time.monotonic() < give_up_at:
            cable.send(discover(card, number, bytes.fromhex(more)))
            offer = next(offers(cable, number), None)
            if offer is not None or asks_once:
                return offer
    raise TimeoutError(f"no offer for {mac}")


def discover(card, number, more):
    """Make the frame of a DHCPDISCOVER that asks for a broadcast answer."""
    zero = bytes(4)
    bootp = FIXED_PART.pack(1, 1, 6, 0, number, 0, 0x8000, zero, zero, zero, zero, card, b"")
    message = (bootp + COOKIE + DISCOVER + WANTED + more + END).ljust(300, b"\0")
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, UDP, 0)
    header += zero + b"\xff" * 4
    header = header[:10] + checksum(header) + header[12:]
    return EVERYONE + card + struct.pack("!H", ETHERTYPE_IP) + header + datagram


def checksum(header):
    total = sum(struct.unpack("!10H", header))
    return struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)


def offers(cable, number):
    """Give the answers with this number that arrive before it is quiet."""
    while True:
        try:
            frame = cable.recv(4096)
        except TimeoutError:
            return
        datagram = frame[14 + (frame[14] & 15) * 4 :]
        message = datagram[8:]
        from_server = frame[23] == UDP and datagram[:2] == struct.pack("!H", 67)
        if from_server and message[4:8] == number.to_bytes(4):
            options = {code: content.hex() for code, content in options_of(message[240:])}
            yield {
                "address": socket.inet_ntoa(message[16:20]),
                "next_server": socket.inet_ntoa(message[20:24]),
                "file": message[108:236].rstrip(b"\0").decode(),
                "options": options,
            }


def options_of(content):
    place = 0
    while content[place] != END[0]:
        code, length = content[place], content[place + 1]
        if code == 0:
            place += 1
            continue
        yield code, content[place + 2 : place + 2 + length]
        place += 2 + length


if __name__ == "__main__":
    main(*sys.argv[1:])
