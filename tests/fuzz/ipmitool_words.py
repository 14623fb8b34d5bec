"""Whatever ipmitool prints: a state, or one of the errors that the driver promises."""

from evenrack.errors import BmcBusy, BmcRefused, BmcRefusedPassword, BmcSilent, BmcUnreachable
from evenrack.rack.power.ipmi_command import (
    BmcRefusedSuite,
    Said,
    read_done,
    read_state,
    refuses_suite,
)

PROMISED = (
    BmcBusy,
    BmcRefused,
    BmcRefusedPassword,
    BmcRefusedSuite,
    BmcSilent,
    BmcUnreachable,
)
SEEDS = (
    b"\x00Chassis Power is on\n",
    b"\x00Chassis Power Control: Up/On\n",
    b"\x01\xffError: Unable to establish IPMI v2 / RMCP+ session\n",
    b"\x01\xffSet Chassis Power Control to Up/On failed: Node busy\n",
    b"\x01\xff> Error: Received an Unexpected Open Session Response\nRAKP 2 HMAC is invalid\n",
    b"\x02\xffno response\n",
)
WORDS = [
    *(b"Chassis Power is ", b"RAKP 2 message indicates an error : ", b"failed: ", b"\xff"),
    *(b"Error in open session response message : ", b"Unknown (0x11)", b"invalid user name"),
]


def run(data):
    """The first byte is the exit code, 0xff parts what is printed from the errors."""
    code, rest = data[:1] or b"\0", data[1:]
    output, _, errors = rest.partition(b"\xff")
    said = Said(
        code=None if code == b"\x02" else code[0],
        output=output.decode(errors="replace"),
        errors=errors.decode(errors="replace"),
    )
    for read in (read_state, read_done, refuses_suite):
        try:
            read(said)
        except PROMISED:
            continue
