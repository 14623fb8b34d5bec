"""A fleet of full size, as it would be in the tables: written in a few statements, with no rack."""

from contextlib import closing

import psycopg2
from attrs import frozen

HOSTS = 4
PROCESSES_OF_HOST = 4


@frozen(kw_only=True)
class FleetSize:
    """How large; every rack has a link to every process, and each BMC answers `reach` racks."""

    racks: int = 5_000
    bmcs: int = 200_000
    reach: int = 3
    vlans: int = 1_000


def rack_id(number: int) -> str:
    """Name a rack; numbers begin at 0."""
    return f"rack{number:05d}"


def write_fleet(dsn: str, size: FleetSize) -> None:
    """Write it down, managed and owned evenly, and with pairs that serve."""
    values = {
        "racks": size.racks,
        "bmcs": size.bmcs,
        "reach": size.reach,
        "vlans": size.vlans,
        "processes": HOSTS * PROCESSES_OF_HOST,
        "of_host": PROCESSES_OF_HOST,
    }
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    with closing(psycopg2.connect(dsn)) as session:
        session.autocommit = True
        session.cursor().execute("VACUUM ANALYZE")


_RACK = "'rack' || lpad(({})::text, 5, '0')"
_PROCESS = "'region' || (({0}) / %(of_host)s + 1) || '/' || (({0}) %% %(of_host)s + 1)"
_STATEMENTS = (
    "INSERT INTO region (id, hostname) SELECT 'region' || n, 'region' || n "
    "FROM generate_series(1, %(processes)s / %(of_host)s) n",
    "INSERT INTO process (id, region_id, incarnation, beat, pid, addresses, state) "
    f"SELECT {_PROCESS.format('n')}, 'region' || (n / %(of_host)s + 1), 1, 0, 1, '[]', 'running' "
    "FROM generate_series(0, %(processes)s - 1) n",
    "INSERT INTO rack (id, hostname, run, address, stopped, holds_era, holds_generation, "
    f"holds_fingerprint) SELECT {_RACK.format('n')}, {_RACK.format('n')}, 'run', '192.0.2.1:1', "
    "false, 1, 1, '' FROM generate_series(0, %(racks)s - 1) n",
    "INSERT INTO connection (link, process_id, incarnation, rack_id, run, address) "
    f"SELECT 'link' || p || '-' || n, {_PROCESS.format('p')}, 1, {_RACK.format('n')}, 'run', '' "
    "FROM generate_series(0, %(processes)s - 1) p, generate_series(0, %(racks)s - 1) n",
    "INSERT INTO managing (rack_id, process_id, era, generation) "
    f"SELECT {_RACK.format('n')}, {_PROCESS.format('n %% %(processes)s')}, 1, 1 "
    "FROM generate_series(0, %(racks)s - 1) n",
    'INSERT INTO bmc (name, driver, address, port, "user", password, era, generation) '
    "SELECT 'bmc' || n, 'ipmitool', host('10.0.0.0'::inet + n), 623, 'admin', '', 1, 1 "
    "FROM generate_series(1, %(bmcs)s) n",
    "INSERT INTO bmc_reach (bmc_id, rack_id) SELECT DISTINCT id, "
    f"{_RACK.format('(id + k * (id / %(racks)s * 7 + 1)) %% %(racks)s')} "
    "FROM bmc, generate_series(0, %(reach)s - 1) k",
    "INSERT INTO bmc_owner (bmc_id, rack_id, era, generation) "
    f"SELECT id, {_RACK.format('id %% %(racks)s')}, 1, 1 FROM bmc",
    "INSERT INTO vlan (name, fabric, vid, dhcp_on, lease_seconds, max_response_delay, mclt, "
    "split, era, generation) SELECT 'vlan' || n, 'fabric' || n, 1, true, 600, 60, 600, 128, 1, 1 "
    "FROM generate_series(1, %(vlans)s) n",
    "INSERT INTO subnet (vlan_id, cidr, gateway, dns_servers, ntp_servers, domain, era, "
    "generation) SELECT id, network(set_masklen('172.16.0.0'::inet + id * 256, 24))::text, null, "
    "'{}', '{}', '', 1, 1 FROM vlan",
    "INSERT INTO ip_range (subnet_id, first, last, era, generation) "
    "SELECT id, host(cidr::inet + 100), host(cidr::inet + 200), 1, 1 FROM subnet",
    "INSERT INTO rack_interface (rack_id, address, name) "
    f"SELECT {_RACK.format('n')}, host('172.16.0.0'::inet + (n %% %(vlans)s + 1) * 256 + "
    "n / %(vlans)s + 1) || '/24', 'eth0' FROM generate_series(0, %(racks)s - 1) n",
    "INSERT INTO dhcp_pair (vlan_id, primary_rack, secondary_rack, era, generation) "
    f"SELECT id, {_RACK.format('id - 1')}, {_RACK.format('id - 1 + %(vlans)s')}, 1, 1 FROM vlan",
    "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, secondary_rack, "
    "secondary_address, era, generation) "
    "SELECT vlan_id, primary_rack, host('172.16.0.0'::inet + vlan_id * 256 + 1), secondary_rack, "
    "host('172.16.0.0'::inet + vlan_id * 256 + 2), 1, 1 FROM dhcp_pair",
    "UPDATE leadership SET generation = 1, era = 1",
)
