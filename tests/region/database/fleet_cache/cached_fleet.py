"""The fleet as a cache gives it and as it is, and rows to be read."""

from evenrack.region.database.fleet_cache import read_fleet

RACKS = [f"rack000{number}" for number in range(1, 7)]


def both(picture, cache):
    """What the cache gives and what is there, at one moment."""
    with picture.begin() as connection:
        return cache.read(connection), read_fleet(connection)


def reserved(sessions, *vlans):
    """VLANs with a subnet each, whose reservations have these names."""
    for number, names in enumerate(vlans, 1):
        sessions.change(
            "INSERT INTO vlan (name, fabric, dhcp_on, lease_seconds, max_response_delay, mclt, "
            "split, era, generation) VALUES (:name, 'f', true, 600, 30, 600, 255, 1, 1)",
            name=f"vlan{number}",
        )
        sessions.change(
            "INSERT INTO subnet (vlan_id, cidr, dns_servers, ntp_servers, domain, era, generation) "
            "SELECT max(id), :network, '{}', '{}', '', 1, 1 FROM vlan",
            network=f"10.0.{number}.0/24",
        )
        for nth, name in enumerate(names, 1):
            sessions.change(
                "INSERT INTO reservation (subnet_id, mac, address, hostname, era, generation) "
                "SELECT max(id), :mac, :address, :name, 1, 1 FROM subnet",
                mac=f"02:00:00:00:{number:02}:{nth:02}",
                address=f"10.0.{number}.{nth}",
                name=name,
            )
