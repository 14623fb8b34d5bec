"""Whatever stands in the file of leases of dhcpd -6: entries that can be told, or none."""

from ipaddress import IPv6Network

from evenrack.model.dhcp_lease import LeasePage, lease_page_from_json, place_of
from evenrack.model.json_form import to_json
from evenrack.rack.dhcp.lease_file6 import leases6_in

EVERYTHING = (IPv6Network("::/0"),)
ENTRY = rb"""ia-na "m\006\212\346\000\003\000\001\002\000\000\"\\\001" {
  cltt 4 2026/11/26 10:11:12;
  iaaddr fd00:1::17a {
    binding state active;
    preferred-life 375;
    max-life 600;
    ends 0 2026/11/29 19:27:56;
  }
  iaaddr fd00:1::2 {
    binding state expired;
    ends epoch 1795687872; # Thu Nov 26 10:11:12 2026
  }
}
"""
SEEDS = (ENTRY, b'authoring-byte-order big-endian;\nserver-duid "\\000";\n\n' + ENTRY + ENTRY)
WORDS = [
    *(b'ia-na "', b"iaaddr fd00::1 {\n", b"}\n", b"{", b'"', b"\\", b"\\377", b";\n", b"never"),
    *(b"ia-pd", b"iaprefix", b"binding state released;", b"epoch ", b"#", b"\xff", b"cltt "),
]


def run(data):
    """Its leases can be told to a region, and the size of the pieces makes no difference."""
    found = leases6_in([data], EVERYTHING)
    apart = leases6_in([data[i : i + 3] for i in range(0, len(data), 3)], EVERYTHING)
    if found != apart:
        raise AssertionError("it depends on how the file is cut into pieces")
    in_order = sorted(found.values(), key=lambda it: place_of(it.address))
    page = LeasePage(leases=tuple(in_order[:100]))
    if lease_page_from_json(to_json(page)) != page:
        raise AssertionError("what was read cannot be told")
