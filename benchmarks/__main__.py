"""`make bench [ONLY=name,..]`: measure, print the table, write `benchmarks/results.json`."""

import sys

from benchmarks import fleet, trust
from benchmarks.measure import table, write

BENCHMARKS = {"fleet": fleet.measure, "trust": trust.measure}


def main() -> int:
    """Run the benchmarks that are asked for; 1 when a target was missed."""
    wanted = sys.argv[1].split(",") if len(sys.argv) > 1 and sys.argv[1] else list(BENCHMARKS)
    unknown = [name for name in wanted if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    figures = []
    for name in wanted:
        print(f"measuring {name} ..", file=sys.stderr)
        figures += BENCHMARKS[name]()
    print(table(figures))
    write(figures)
    return 0 if all(f.ok for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
