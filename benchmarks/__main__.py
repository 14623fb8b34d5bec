"""`make bench [ONLY=name,..]`: measure, print the table, write `benchmarks/results.json`."""

import signal
import subprocess
import sys
import traceback

from benchmarks import (
    change_on_all,
    dead_host,
    dhcp_render,
    evenness,
    fleet,
    kill9_process,
    leader_look,
    moves,
    one_reservation,
    perfdhcp,
    power_order,
    power_polling,
    power_status,
    replanning,
    spreading,
    storm_db,
    storm_wire,
    trust,
)
from benchmarks.measure import table, write

BENCHMARKS = {
    "fleet": fleet.measure,
    "trust": trust.measure,
    "storm-db": storm_db.measure,
    "storm-wire": storm_wire.measure,
    "kill9-process": kill9_process.measure,
    "dead-host": dead_host.measure,
    "leader-look": leader_look.measure,
    "moves": moves.measure,
    "spreading": spreading.measure,
    "evenness": evenness.measure,
    "dhcp-render": dhcp_render.measure,
    "one-reservation": one_reservation.measure,
    "change-on-all": change_on_all.measure,
    "power-status": power_status.measure,
    "power-order": power_order.measure,
    "power-polling": power_polling.measure,
    "perfdhcp": perfdhcp.measure,
    "replanning": replanning.measure,
}


def main() -> int:
    """Run the benchmarks that are asked for; 1 when a target was missed."""
    wanted = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1] else list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is taken down
    figures, failed = [], []
    for name in wanted:
        print(f"measuring {name} ..", file=sys.stderr)
        try:
            figures += BENCHMARKS[name]()
        except (OSError, RuntimeError, subprocess.CalledProcessError) as problem:
            failed.append(f"FAILED  {name}  {problem}")
            traceback.print_exc()
    print("\n".join([table(figures), *failed]))
    write(figures)
    return 0 if all(f.ok for f in figures) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
