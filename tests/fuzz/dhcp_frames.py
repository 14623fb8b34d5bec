"""Whatever comes by the wire of a VLAN: a DHCP server that can be told of, or none."""

from ipaddress import IPv4Address

from evenrack.model.dhcp_frames import arp_question
from evenrack.model.dhcp_packets import Asker, Kind, request_selecting
from evenrack.rack.listen.heard import server_heard
from evenrack.rack.listen.words import Told, as_line, told_from_line
from tests.lab.traffic.dhcp_server_side import answer_payload, server_frame

MAC = b"\x02lab\x01\x02"
HERE = IPv4Address("10.101.0.2")
SEEDS = (
    server_frame(answer_payload(Kind.OFFER, 1, MAC)),
    server_frame(
        answer_payload(Kind.ACK, 1, MAC, options=[(52, b"\x03")], boot_file=b"\x06\x01a\xff")
    ),
    request_selecting(Asker(mac=MAC, transaction=1), address=HERE, server=HERE),
)
WORDS = [
    *(b"\x35\x01\x02", b"\x35\x01\x06", b"\x36\x04", b"\x34\x01\x03", b"\xff", b"\0"),
    *(b"\x63\x82\x53\x63", b"\0\x43\0\x44", b"\0\x44\0\x43", b"\x08\0", b"\x08\x06"),
]


def run(data):
    """What is heard can be told to rackd."""
    arp_question(data)
    heard = server_heard(data)
    if heard is None:
        return
    told = Told(interface="eth0", server=heard.address, mac=heard.mac)
    if not int(heard.address) or told_from_line(as_line(told)) != told:
        raise AssertionError("what was heard cannot be told")
