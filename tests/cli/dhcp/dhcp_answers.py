"""What a small API answers about DHCP."""

ROW = {
    "vlan": "vlan1",
    "dhcp_on": True,
    "primary_rack": "rack1",
    "secondary_rack": None,
    "pinned": [],
    "pending": True,
    "generation": "1.7",
    "sides": [
        {
            "rack": "rack1",
            "address": "10.1.0.1",
            "connected": True,
            "role": "primary",
            "state": "normal",
            "since": "2026-11-29T04:00:00.000Z",
            "age": 0.0,
            "free": 30,
            "backup": 20,
            "total": 100,
            "applied": "1.7",
            "waiting": False,
            "error": None,
        },
        {
            "rack": "rack2",
            "address": "10.1.0.2",
            "connected": False,
            "role": None,
            "state": "down",
            "applied": None,
            "waiting": True,
            "error": "bad",
        },
    ],
}
