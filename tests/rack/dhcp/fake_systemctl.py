"""A systemctl for machines where systemd does not run: it starts and ends the real dhcpd.

It carries out the unit file itself: ExecStart with the variables of EnvironmentFile, and where the
words go; `place.json` in its folder says which paths of the unit stand for which ones here, and
what enters the host. A process that watches dhcpd keeps the control group up to date, as the
kernel does. It does not restart what dies: what comes first, rackd or systemd, is not tried here.

Usage: fake_systemctl.py FOLDER [OPTION...] start|stop|restart UNIT
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

LOOK_SECONDS = 0.01
STOP_SECONDS = 2.0


class FakeSystemd:
    def __init__(self, folder, unit):
        self.folder, self.unit = folder, unit
        self.place = json.loads((folder / "place.json").read_text())
        self.group = folder / "groups" / "system.slice" / unit
        self.main = folder / "main.pid"

    def settings(self):
        """The unit's settings, with paths of this machine."""
        text = (Path(self.place["units"]) / self.unit).read_text()
        for there, here in self.place["paths"].items():
            text = text.replace(there, here)
        lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    def command(self, settings):
        words = []
        environment = Path(settings["EnvironmentFile"]).read_text().splitlines()
        variables = dict(shlex.split(line)[0].split("=", 1) for line in environment)
        for word in settings["ExecStart"].split():
            words += variables[word[1:]].split() if word.startswith("$") else [word]
        return [*self.place["entrance"], *words]

    def watch(self):
        """Run dhcpd, and be what systemd and the kernel are for it."""
        settings = self.settings()
        words = settings["StandardError"].removeprefix("truncate:")
        with Path(words).open("w") as errors:
            dhcpd = subprocess.Popen(  # noqa: S603  a list, no shell
                self.command(settings), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )
        self.group.mkdir(parents=True)
        self.write(self.group / "cgroup.events", "populated 1\nfrozen 0\n")
        self.write(self.main, str(dhcpd.pid))
        dhcpd.wait()
        self.main.unlink()
        (self.group / "cgroup.events").unlink()
        self.group.rmdir()

    def start(self):
        if self.main.exists():
            return
        watcher = self.in_background("watch")
        # It is exec'd, or has ended already; what does not start at all ends its watcher, too.
        while not self.main.exists() and watcher.poll() is None:
            time.sleep(LOOK_SECONDS)
        watcher.returncode = 0

    def stop(self):
        try:
            dhcpd = int(self.main.read_text())
        except FileNotFoundError:
            return
        waited = 0.0
        for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGKILL):
            try:
                os.kill(dhcpd, number)
            except ProcessLookupError:
                break
            while number == signal.SIGCONT and self.main.exists() and waited < STOP_SECONDS:
                time.sleep(LOOK_SECONDS)
                waited += LOOK_SECONDS
        while self.group.exists():
            time.sleep(LOOK_SECONDS)

    def in_background(self, verb):
        command = [sys.executable, __file__, str(self.folder), verb, self.unit]
        with (self.folder / "background.log").open("a") as log:
            return subprocess.Popen(  # noqa: S603  a list, no shell
                command, start_new_session=True, stdout=log, stderr=log
            )

    def restart(self):
        self.stop()
        self.start()

    def write(self, path, text):
        beside = path.with_name(f".{path.name}")
        beside.write_text(text)
        beside.rename(path)


def main():
    folder, *options, verb, unit = sys.argv[1:]
    fake = FakeSystemd(Path(folder), unit)
    if options:  # or else it is our own background work
        with (fake.folder / "told").open("a") as told:
            told.write(" ".join([*options, verb, unit]) + "\n")
    if verb in fake.place.get("refuses", []):
        sys.exit(f"Failed to {verb} {unit}: Interactive authentication required.")
    if not (Path(fake.place["units"]) / unit).exists():
        sys.exit(f"Failed to {verb} {unit}: Unit {unit} not found.")
    if "--no-block" in options:
        fake.in_background(verb).returncode = 0
    else:
        getattr(fake, verb)()


if __name__ == "__main__":
    main()
