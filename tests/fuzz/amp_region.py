"""Whatever a rack sends: the region's real end of a link answers, or the link is closed."""

import json

from evenrack.model.dhcp_report import DhcpReport, VlanError, VlanReport
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import VlanId
from evenrack.model.json_form import to_json
from evenrack.trust.tls import Peer
from evenrack.wire import region_commands
from tests.fuzz.amp_boxes import RAW, bytes_of, commands_of, seed, words_of
from tests.wire.both_ends import Link

COMMANDS = commands_of(region_commands)
WORDS = words_of(COMMANDS)
STAGES = ("no certificate", "certificate", "introduced")

HELLO = (b"2", b"run1", b"rack1", b"0.0", b"", b"room 1")
ADDRESSES = b'[{"name": "eth0", "address": "10.0.0.1/24"}]'
NEWS = b'{"vlans": [{"vlan": 1, "leases": [{"address": "10.0.0.5"}], "more": 2}], "elsewhere": 1}'
REPORT = DhcpReport(
    applied="ab",
    running=True,
    vlans=(VlanReport(vlan=VlanId(1), number=FleetNumber(1, 7), role="primary", state="normal"),),
    errors=(VlanError(vlan=VlanId(2), error="bad"),),
)

_COMMANDS_WITH_VALUES = (
    (region_commands.Enrol, b"abcdefgh", b"request", b"proof", b"rack1"),
    (region_commands.Hello, *HELLO),
    (region_commands.RenewCertificate, b"request"),
    (region_commands.ListAuthorities, b"ab"),
    (region_commands.Ping,),
    (region_commands.ListEndpoints,),
    (region_commands.ReportLostLink, b"link1"),
    (region_commands.ReportInterfaces, ADDRESSES),
    (region_commands.ReportDhcp, json.dumps(to_json(REPORT)).encode()),
    (region_commands.ReportLeases, NEWS),
    (region_commands.ReportReach, b"[1, 2]", b"[3]"),
    (region_commands.RecordPhase, b"1", b"2", b"NEW", b"OFF_SENT"),
)

SEEDS = tuple(
    bytes([stage]) + each
    for stage in range(len(STAGES))
    for each in (
        *(seed(COMMANDS, *values) for values in _COMMANDS_WITH_VALUES),
        RAW + bytes_of(seed(COMMANDS, region_commands.Hello, *HELLO), COMMANDS),
        RAW + b"GET / HTTP/1.1\r\n\r\n",
    )
)


def run(data):
    """The first byte says how far the link is; nothing escapes, and it can be ended."""
    stage = STAGES[data[0] % len(STAGES)] if data else STAGES[0]
    link = Link()
    if stage == "no certificate":
        link.desk.door.who = lambda _transport: Peer(rack=None)
    if stage == "introduced":
        link.introduce()
    link.wire.client_end.write(bytes_of(data[1:], COMMANDS))
    link.world.settle()
    link.rack.abort()
    link.world.advance(0.2)
    if link.desk.links:
        raise AssertionError("a link that is gone is still counted")
