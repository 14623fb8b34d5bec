"""What no fail-over can beat: each step that it has to take, measured bare on this machine."""

import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

import psycopg2

from benchmarks.rig import LOOPBACK

TIMES = 30
GATHER_SECONDS = 0.02
"""So long the leader gathers what happens at the same time (`region.leader`)."""

HOLDER = (
    "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); "
    "s.sendall(b'x'); s.recv(1)"
)


def floor_of_fail_over(dsn: str) -> float:
    """Give the seconds (medians): FIN of a killed process, gather, commit and NOTIFY, write."""
    return _fin() + GATHER_SECONDS + _commit_and_notify(dsn) + _write()


def _fin() -> float:
    """Kill a process that holds a connection, until the other end sees it."""
    taken = []
    with socket.create_server((LOOPBACK, 0)) as server:
        for _ in range(TIMES // 3):
            port = str(server.getsockname()[1])
            with subprocess.Popen([sys.executable, "-c", HOLDER, LOOPBACK, port]) as holder:
                link, _address = server.accept()
                link.recv(1)
                began = time.monotonic()
                holder.send_signal(signal.SIGKILL)
                link.recv(1)
                taken.append(time.monotonic() - began)
                link.close()
    return statistics.median(taken)


def _commit_and_notify(dsn: str) -> float:
    """Change one row, until a listener hears of it."""
    with closing(psycopg2.connect(dsn)) as writer, closing(psycopg2.connect(dsn)) as listener:
        listener.autocommit = True
        listener.cursor().execute("LISTEN floor")
        with writer, writer.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE one (number integer)")
            cursor.execute("INSERT INTO one VALUES (0)")
        return statistics.median(_one_commit(writer, listener) for _ in range(TIMES))


def _one_commit(writer: Any, listener: Any) -> float:
    began = time.monotonic()
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE one SET number = number + 1")
        cursor.execute("NOTIFY floor")
    while not listener.notifies:
        select.select([listener], [], [], 5)
        listener.poll()
    listener.notifies.clear()
    return time.monotonic() - began


def _write() -> float:
    """Send a few bytes over loopback, until they are there."""
    taken = []
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        socket.create_connection(server.getsockname()) as one,
    ):
        other, _address = server.accept()
        with other:
            for _ in range(TIMES):
                began = time.monotonic()
                one.sendall(b"x" * 200)
                other.recv(200)
                taken.append(time.monotonic() - began)
    return statistics.median(taken)
