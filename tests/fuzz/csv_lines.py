"""A CSV file of reservations, of any content: rows and problems, or one refusal."""

from ipaddress import ip_address

from evenrack.model.csv_lines import FileRefused, read_lines
from evenrack.model.network6_rules import duid_from_text
from evenrack.model.reservation_import import Wanted, plan_import
from evenrack.model.reservation_rules import mac_from_text

COLUMNS = {"mac": mac_from_text, "duid": duid_from_text, "address": ip_address, "hostname": str}
SEEDS = (
    b"mac,address,hostname\n52:54:00:12:34:56,10.0.0.20,node7\n",
    b'\xef\xbb\xbf# cards\r\nHostname,Mac,Address\r\n\r\n"a,""b""",52-54-00-12-34-57,10.0.0.21\r\n',
    b"mac;address\n",
    b"duid,address\n00:02:00:00:ab:11,fd00:1::20\n",
)
WORDS = [
    *(b"mac", b"address", b"hostname", b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"#", b";"),
    *(b"\xef\xbb\xbf", b"\x00", b"\xff", b"\x85", b" ", b"10.0.0.20", b"52:54:00:12:34:56"),
    *(b"duid", b"fd00::1", b"00:03:00:01:52:54:00:12:34:56", b"fe80::1%1"),
]


def run(data):
    """Every row that was read can be planned; no line is both a row and a problem."""
    try:
        lines = read_lines(data, COLUMNS, required=("address",), one_of=("mac", "duid"))
    except FileRefused as refused:
        if not refused.problems:
            raise AssertionError("refused without a reason") from None
        return
    if {row.line for row in lines.rows} & {problem.line for problem in lines.problems}:
        raise AssertionError("a line is good and bad")
    plan = plan_import((), [Wanted(line=row.line, **row.values) for row in lines.rows])
    if {problem.line for problem in plan.problems} != {row.line for row in lines.rows}:
        raise AssertionError("there is no subnet, so every address is outside of all")
