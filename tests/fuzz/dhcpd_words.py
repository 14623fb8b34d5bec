"""Whatever dhcpd prints: text that can be shown, and no key in it."""

from evenrack.rack.dhcp.dhcpd_words import complaints, ignored_interfaces

FILE = "/var/lib/evenrack/rack/dhcpd.conf"
SEEDS = (
    b"Internet Systems Consortium DHCP Server 4.4.3\n/var/lib/evenrack/rack/dhcpd.conf line 8: "
    b"semicolon expected.\n}\n ^\n  secret abc\nConfiguration file errors encountered -- exiting\n"
    b"If you think you have received this message due to a bug\nexiting.\n",
    b"No subnet declaration for eth0 (10.0.0.1).\n** Ignoring requests on eth0.\n",
)
WORDS = [
    *(b"secret", b"line 8: ", FILE.encode(), b"If you think you have received this message"),
    *(b"No subnet declaration for ", b" (", b"\n", b"\r", b"\x85"),
]


def run(data):
    """It takes any bytes."""
    told = complaints(data, FILE)
    if "secret" in told:
        raise AssertionError("a line with a key is shown")
    ignored_interfaces(data)
