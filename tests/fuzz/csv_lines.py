"""A CSV file of reservations, of any content: rows and problems, or one refusal."""

from ipaddress import IPv4Address

from evenrack.model.csv_lines import FileRefused, read_lines
from evenrack.model.reservation_import import Wanted, plan_import
from evenrack.model.reservation_rules import mac_from_text

COLUMNS = {"mac": mac_from_text, "address": IPv4Address, "hostname": str}
SEEDS = (
    b"mac,address,hostname\n52:54:00:12:34:56,10.0.0.20,node7\n",
    b'\xef\xbb\xbf# cards\r\nHostname,Mac,Address\r\n\r\n"a,""b""",52-54-00-12-34-57,10.0.0.21\r\n',
    b"mac;address\n",
)
WORDS = [
    *(b"mac", b"address", b"hostname", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"#", b";"),
    *(b"\xef\xbb\xbf", b"\x00", b"\xff", b"\x85", b" ", b"10.0.0.20", b"52:54:00:12:34:56"),
]


def run(data):
    """Every row that was read can be planned; no line is both a row and a problem."""
    try:
        lines = read_lines(data, COLUMNS, required=("mac", "address"))
    except FileRefused as refused:
        if not refused.problems:
            raise AssertionError("refused without a reason") from None
        return
    if {row.line for row in lines.rows} & {problem.line for problem in lines.problems}:
        raise AssertionError("a line is good and bad")
    plan = plan_import((), [Wanted(line=row.line, **row.values) for row in lines.rows])
    if len(plan.problems) != len(lines.rows):
        raise AssertionError("there is no subnet, so every address is outside of all")
