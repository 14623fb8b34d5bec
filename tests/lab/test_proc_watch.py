"""What is looked at of a lab in /proc: its programs, those below, and those that end at once."""

import os
import subprocess
import sys

from evenrack.lab.proc_watch import ProcWatch, not_seen

STARTS = """
import subprocess, sys
for line in sys.stdin:
    subprocess.run(["/bin/sh", "-c", "sleep 0.2 # SESAME-ARGUMENT"], env={"WORD": "SESAME-ENVIRON"})
    print(flush=True)
"""
CHILDREN = 5


def seen_of(starts):
    """What is seen of a program that starts one child after the other, each when it is told to."""
    running = subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with running, ProcWatch(lambda: [running.pid]) as watch:
        for _ in range(CHILDREN):
            running.stdin.write(b"\n")
            running.stdin.flush()
            running.stdout.readline()
    return watch


def test_a_secret_in_arguments_or_environment_of_a_short_lived_child_is_seen():
    watch = seen_of(STARTS)

    found = {
        place.split(" (")[0] for place, content in watch.places.items() if b"SESAME-" in content
    }
    assert {"the cmdline of sh", "the environ of sh"} <= found


def test_others_processes_are_not_looked_at():
    running = subprocess.Popen(["/bin/sleep", "60"])
    try:
        watch = ProcWatch(lambda: [running.pid])
        watch.look()
        assert watch.programs == {"sleep"}
        assert not any(str(os.getpid()) in place for place in watch.places)
    finally:
        running.kill()
        running.wait()


def test_what_should_have_been_seen_and_was_not_is_told():
    assert not_seen({"postgres", "dhcpd"}, ["postgres", "ipmitool"]) == ["ipmitool"]
    assert not_seen({"postgres"}, ["postgres"]) == []
