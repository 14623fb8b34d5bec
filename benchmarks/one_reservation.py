"""A reservation more in a VLAN that has 50,000: until both DHCP servers have been told of it.

In a lab with real `dhcpd`, which writes a host that it is told of into its file of leases, and then
serves it.
"""

import statistics
import subprocess
import time
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure
from benchmarks.real_lab import EVENRACK, client_of, real_lab

SIZES = {"region-hosts": 2, "processes": 1, "racks": 2, "vlans": 1, "clients": 0, "bmcs": 0}
RESERVATIONS = 50_000
NETWORK = IPv4Network("172.20.0.0/15")
FIRST = 100
TIMES = 9
PAUSE_SECONDS = 4.0
"""Between two changes: the racks check their files meanwhile."""
IN_SUCCESSION = 12
EACH_SECONDS = 0.5
"""Less than a rack takes to check its file."""
SETTLE_SECONDS = 20.0
WAIT_SECONDS = 180.0
LOOK_SECONDS = 0.002


def measure(reservations: int = RESERVATIONS) -> list[Figure]:
    """Add reservations one by one, and take them away again."""
    with real_lab(SIZES) as lab:
        _fill(lab, lab.parent / "cards.csv", reservations)
        one = _One(lab)
        took = [one.come_and_go(FIRST + reservations + nth) for nth in range(TIMES)]
        waits = one.come_in_succession(FIRST + reservations + TIMES)
    shape = f"{reservations:,} reservations in one VLAN, two racks"
    return [
        _figure("reservation-comes", [came for came, _ in took], shape),
        _figure("reservation-goes", [went for _, went in took], shape),
        _figure("reservations-in-succession", waits, f"{shape}, one each {EACH_SECONDS:g} s"),
    ]


def _figure(name: str, seconds: list[float], shape: str) -> Figure:
    told = f"{shape}; {min(seconds):.2g} to {max(seconds):.2g} s in {len(seconds)} times"
    return Figure(name=name, value=statistics.median(seconds), unit="s", target=1.0, limit=told)


def _fill(lab: Path, cards: Path, reservations: int) -> None:
    """Import so many reservations, and wait until both racks serve them."""
    client = client_of(lab)
    client.post("/api/v1/subnets", {"vlan": "vlan1", "cidr": str(NETWORK)})
    lines = [f"{_card(nth)},{NETWORK[FIRST + nth]},machine{nth}" for nth in range(reservations)]
    cards.write_text("\n".join(["mac,address,hostname", *lines, ""]))
    socket = next(lab.glob("region*/run/regiond-*.sock"))
    command = [EVENRACK, "--socket", str(socket), "reservation", "import", str(cards), "--yes"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = f"h-{reservations}-".encode()
    files = list(lab.glob("rack*/**/dhcp/dhcpd.conf"))
    _until(lambda: all(last in file.read_bytes() for file in files), look=0.5)
    time.sleep(SETTLE_SECONDS)


def _card(number: int) -> str:
    digits = f"{number:06x}"
    return f"02:ee:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


class _One:
    """A reservation that comes and goes."""

    def __init__(self, lab: Path) -> None:
        self._client = client_of(lab)
        self._leases = list(lab.glob("rack*/**/dhcp/dhcpd.leases"))

    def come_and_go(self, number: int) -> tuple[float, float]:
        """Give the seconds from the API's answer until both servers know, and until none does."""
        reservation = {"mac": _card(number), "address": str(NETWORK[number]), "hostname": "one"}
        made: dict[str, Any] = self._client.post("/api/v1/reservations", reservation)
        name = f"host h-{made['id']}-".encode()
        came = _until(lambda: all(_says(file, name, b"dynamic") for file in self._leases))
        time.sleep(PAUSE_SECONDS)
        self._client.delete(f"/api/v1/reservations/{made['id']}")
        went = _until(lambda: all(_says(file, name, b"deleted") for file in self._leases))
        time.sleep(PAUSE_SECONDS)
        return came, went

    def come_in_succession(self, first: int) -> list[float]:
        """Give the seconds that each of several waits, none of which waits for the one before."""
        began: dict[bytes, float] = {}
        waits: dict[bytes, float] = {}
        due = time.monotonic()
        while len(waits) < IN_SUCCESSION:
            if len(began) < IN_SUCCESSION and time.monotonic() >= due:
                due += EACH_SECONDS
                nth = first + len(began)
                wish = {"mac": _card(nth), "address": str(NETWORK[nth]), "hostname": f"n{nth}"}
                made: dict[str, Any] = self._client.post("/api/v1/reservations", wish)
                began[f"host h-{made['id']}-".encode()] = time.monotonic()
            for name in began.keys() - waits.keys():
                if all(_says(file, name, b"dynamic") for file in self._leases):
                    waits[name] = time.monotonic() - began[name]
            time.sleep(LOOK_SECONDS)
        return list(waits.values())


def _says(leases: Path, name: bytes, word: bytes) -> bool:
    """Tell whether the last that stands of a host in a file of leases has this word."""
    text = leases.read_bytes()
    at = text.rfind(name)
    return at >= 0 and word in text[at:].partition(b"}")[0]


def _until(happened: Callable[[], bool], *, look: float = LOOK_SECONDS) -> float:
    began = time.monotonic()
    while not happened():
        if time.monotonic() > began + WAIT_SECONDS:
            raise TimeoutError(f"not within {WAIT_SECONDS:g} s")
        time.sleep(look)
    return time.monotonic() - began
