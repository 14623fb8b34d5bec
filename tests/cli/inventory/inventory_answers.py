"""What a small API answers about the inventory, and somebody who types."""

import io

from evenrack.model.boot import BOOT_FILES

VLAN = {
    "id": 3,
    "name": "vlan1",
    "fabric": "default",
    "vid": 1,
    "dhcp_on": True,
    "relay_vlan": None,
    "lease_seconds": 600,
    "max_response_delay": 60,
    "mclt": 3600,
    "split": 255,
    "min_lease_seconds": None,
    "max_lease_seconds": None,
    "mtu": 9000,
    "next_server": None,
    **dict.fromkeys(BOOT_FILES, ""),
    "generation": "1.7",
}
SUBNET = {
    "id": 5,
    "vlan": "vlan1",
    "cidr": "10.0.0.0/24",
    "gateway": "10.0.0.1",
    "dns_servers": ["192.0.2.1", "192.0.2.2"],
    "ntp_servers": [],
    "domain": "",
    "search_domains": [],
    "allow_unknown": True,
    "generation": "1.8",
}
RANGE = {
    "id": 6,
    "subnet": "10.0.0.0/24",
    "first": "10.0.0.100",
    "last": "10.0.0.199",
    "reserved": False,
    "generation": "1.9",
}
RESERVATION = {
    "id": 7,
    "subnet": "10.0.0.0/24",
    "mac": "52:54:00:12:34:56",
    "address": "10.0.0.20",
    "hostname": "node7",
    "other_macs": ["52:54:00:12:34:57"],
    "generation": "1.10",
}
PATHS = {
    "vlan": ("/api/v1/vlans", "/api/v1/vlans/vlan1", VLAN),
    "subnet": ("/api/v1/subnets", "/api/v1/subnets/10.0.0.0%2F24", SUBNET),
    "range": ("/api/v1/ranges", "/api/v1/ranges/10.0.0.100-10.0.0.199", RANGE),
    "reservation": (
        "/api/v1/reservations",
        "/api/v1/reservations/52%3A54%3A00%3A12%3A34%3A56",
        RESERVATION,
    ),
}
PAGE = "?after=0&limit=1000"


class Keyboard(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True
