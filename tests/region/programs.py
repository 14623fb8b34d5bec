"""The programs of a cluster, as systemd and people start them: configured, run, watched."""

import json
import sys

from evenrack.runtime.child_process import (
    is_alive,
    run_program,
    start_detached,
    wait_until_ended,
)
from tests.free_ports import free_ports
from tests.postgres_fixtures import for_this_source
from tests.region.processes import asked

START_SECONDS = 60


def program(name, module):
    """Run a program of this source, so that what it does is covered, too."""
    start = f"import sys; sys.argv[0] = '{name}'; from {module} import main; main()"
    return [sys.executable, "-c", start]


REGIOND = program("evenrack-regiond", "evenrack.region.main")
RACKD = program("evenrack-rackd", "evenrack.rack.main")
EVENRACK = program("evenrack", "evenrack.cli.main")


_LOGS = {}
"""Of each program that was started here."""


def configure(folder, dsn, name="regiond.conf", **more):
    before = free_ports(3)
    lines = {
        "database": f'"{dsn}"',
        "region_name": "region1",
        "key_file": folder / "etc" / "keys",
        "state_dir": folder / "state",
        "run_dir": folder / "run",
        "rpc": f"{{port: {before}}}",
        "http": f'{{listen: "127.0.0.1:{before + 3}"}}',
        **more,
    }
    return written(folder / name, lines)


def configure_rack(folder, name="rack1", **more):
    """A rack that knows no region which answers: `register` is told one."""
    lines = {
        "regions": '["127.0.0.1:1"]',
        "rack_name": name,
        "secret_file": folder / f"{name}.enrolment",
        "state_dir": folder / name,
        "dhcp": "{runner: child}",
        **more,
    }
    return written(folder / f"{name}.conf", lines)


def written(path, lines):
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return path


def run(*arguments, of=None, seconds=60, environment=None, **more):
    """Run to the end; give what was printed."""
    command = [*(of or REGIOND), *map(str, arguments)]
    around = environment or for_this_source()
    return run_program(command, seconds=seconds, environment=around, **more)


def start(folder, path, instance=1, *, of=None):
    command = [*(of or REGIOND), "run", "--config", str(path), "--instance", str(instance)]
    return _start(command, folder / f"regiond-{instance}.log")


def start_rack(folder, path, of=None):
    command = [*(of or RACKD), "run", "--config", str(path)]
    return _start(command, folder / f"{path.stem}.log")


def _start(command, log):
    program = start_detached(command, log=log, environment=for_this_source())
    _LOGS[program] = log
    return program


def wait_for(condition, program, seconds=START_SECONDS):
    for _ in range(int(seconds / 0.05)):
        found = condition()
        if found:
            return found
        assert is_alive(program), f"the daemon has ended: {_last_words(program)}"
        wait_until_ended([program], seconds=0.05)
    raise AssertionError(f"not within {seconds} s: {_last_words(program)}")


def _last_words(program):
    return _LOGS[program].read_text()[-2000:] if program in _LOGS else ""


def socket_of(folder, instance=1):
    return folder / "run" / f"regiond-{instance}.sock"


def ready(folder, instance=1):
    try:
        return asked(socket_of(folder, instance), "/readyz").status == 200
    except OSError:
        return False


def logged(folder, name="regiond-1"):
    lines = (folder / f"{name}.log").read_text().splitlines()
    return [json.loads(line) for line in lines]
