"""Whatever stands in dhcpd's file of leases: entries that can be told, or none."""

from ipaddress import IPv4Network

from evenrack.model.dhcp_lease import LeasePage, lease_page_from_json
from evenrack.model.json_form import to_json
from evenrack.rack.dhcp.lease_file import leases_in

EVERYTHING = (IPv4Network("0.0.0.0/0"),)
ENTRY = rb"""lease 10.1.0.100 {
  starts 4 2026/11/26 10:11:12;
  ends never;
  cltt epoch 1795687872; # Thu Nov 26 10:11:12 2026
  binding state active;
  next binding state expired;
  hardware ethernet 52:54:00:12:34:56;
  uid "\001RT\000\0224V";
  set vendor-class-identifier = "d-i \"x\" }";
  client-hostname "h\303\251 { x";
}
"""
SEEDS = (
    ENTRY,
    b'failover peer "failover-vlan-1" state {\n  my state normal at 4 never;\n}\n' + ENTRY,
)
WORDS = [
    *(b"lease 10.1.0.1 {\n", b"}\n", b"{", b'"', b"\\", b"\\377", b";\n", b"never", b"epoch "),
    *(b"abandoned;", b"binding state backup;", b"  ends 4 2026/02/30 25:61:61;\n", b"#", b"\xff"),
]


def run(data):
    """Its leases can be told to a region, and the size of the pieces makes no difference."""
    found = leases_in([data], EVERYTHING)
    apart = leases_in([data[i : i + 3] for i in range(0, len(data), 3)], EVERYTHING)
    if found != apart:
        raise AssertionError("it depends on how the file is cut into pieces")
    page = LeasePage(leases=tuple(sorted(found.values(), key=lambda it: it.address))[:100])
    if lease_page_from_json(to_json(page)) != page:
        raise AssertionError("what was read cannot be told")
