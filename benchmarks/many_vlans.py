"""Ten thousand VLANs over a hundred racks, as they are in the tables when all are served by pairs.

Each VLAN is on three racks; the partners of a rack, and who would follow it, are spread over many.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from ipaddress import IPv4Address

import psycopg2
from attrs import evolve, frozen
from psycopg2.extras import execute_values

from evenrack.model.dhcp_report import DhcpReport, SideState, VlanReport
from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import RackId, VlanId
from evenrack.model.json_form import to_json

_BASE = IPv4Address("10.0.0.0")
_ADDRESSES = 256
_NUMBER = FleetNumber(1, 1)
_CHANNEL = "SELECT pg_notify('evenrack', 'racks')"


@frozen(kw_only=True)
class Served:
    """One VLAN and its three racks: primary, secondary, and who is not needed."""

    vlan: VlanId
    racks: tuple[RackId, RackId, RackId]

    def address(self, place: int) -> IPv4Address:
        """Give the address of one of them."""
        return _BASE + self.vlan * _ADDRESSES + place + 1


def spread(racks: list[RackId], vlans: int) -> list[Served]:
    """Say which racks each VLAN is on: no two of a rack's VLANs in a row have the same others."""
    count = len(racks)
    others = max(1, (count - 1) // 2)
    found = []
    for number in range(vlans):
        first, step = number % count, 1 + (number // count) % others
        places = (first, first + step, first + step + others)
        one, two, three = (racks[place % count] for place in places)
        found.append(Served(vlan=VlanId(number + 1), racks=(one, two, three)))
    return found


def write_vlans(dsn: str, served: list[Served]) -> None:
    """Write them down, with pairs that are normal; the racks are there already."""
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        for statement in _STATEMENTS:
            cursor.execute(statement, {"vlans": len(served)})
        interfaces = [
            (rack, f"{each.address(place)}/24", f"vlan{each.vlan}")
            for each in served
            for place, rack in enumerate(each.racks)
        ]
        execute_values(
            cursor, "INSERT INTO rack_interface (rack_id, address, name) VALUES %s", interfaces
        )
        pairs = [(each.vlan, *each.racks[:2], 1, 1) for each in served]
        execute_values(
            cursor,
            "INSERT INTO dhcp_pair (vlan_id, primary_rack, secondary_rack, era, generation) "
            "VALUES %s",
            pairs,
        )
        services = [
            (each.vlan, each.racks[0], str(each.address(0)), each.racks[1], str(each.address(1)))
            for each in served
        ]
        execute_values(
            cursor,
            "INSERT INTO dhcp_service (vlan_id, primary_rack, primary_address, secondary_rack, "
            "secondary_address, era, generation) VALUES %s",
            services,
            template="(%s, %s, %s, %s, %s, 1, 1)",
        )
    write_reports(dsn, reports_of(served))


def reports_of(
    served: list[Served], lost: RackId | None = None, state: SideState = "normal"
) -> dict[RackId, DhcpReport]:
    """Give what racks say; whose partner is lost is in this state with it."""
    sides: defaultdict[RackId, list[VlanReport]] = defaultdict(list)
    for each in served:
        for place in (0, 1):
            rack, peer = each.racks[place], each.racks[1 - place]
            sides[rack].append(
                VlanReport(
                    vlan=each.vlan,
                    number=_NUMBER,
                    role="secondary" if place else "primary",
                    peer=peer,
                    address=each.address(place),
                    peer_address=each.address(1 - place),
                    state=state if peer == lost else "normal",
                )
            )
    report = DhcpReport(applied="as it was", running=True)
    return {rack: evolve(report, vlans=tuple(each)) for rack, each in sides.items() if rack != lost}


def write_reports(dsn: str, reports: Mapping[RackId, DhcpReport]) -> None:
    """Write down what racks say, as a region process does."""
    rows = [(rack, json.dumps(to_json(report)), "") for rack, report in reports.items()]
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO rack_dhcp (rack_id, report, turn) VALUES %s "
            "ON CONFLICT (rack_id) DO UPDATE SET report = excluded.report",
            rows,
        )
        cursor.execute(_CHANNEL)


def take_over(dsn: str, served: list[Served], lost: RackId) -> None:
    """Say that the servers of a rack are dead, and that the others have all addresses by now."""
    words = [
        (each.vlan, next(rack for rack in each.racks[:2] if rack != lost), lost)
        for each in served
        if lost in each.racks[:2]
    ]
    with closing(psycopg2.connect(dsn)) as session, session, session.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO dhcp_partner_down (vlan_id, survivor_rack, dead_rack, who, at, taken_at, "
            "usable_at) VALUES %s",
            words,
            template="(%s, %s, %s, 'an operator', now(), now(), now())",
        )
        cursor.execute(_CHANNEL)


_STATEMENTS = (
    "INSERT INTO vlan (name, fabric, vid, dhcp_on, lease_seconds, max_response_delay, mclt, "
    "split, era, generation) SELECT 'vlan' || n, 'fabric' || n, 1, true, 600, 60, 600, 255, 1, 1 "
    "FROM generate_series(1, %(vlans)s) n",
    "INSERT INTO subnet (vlan_id, cidr, gateway, dns_servers, ntp_servers, domain, era, "
    "generation) SELECT id, network(set_masklen('10.0.0.0'::inet + id * 256, 24))::text, null, "
    "'{}', '{}', '', 1, 1 FROM vlan",
    "INSERT INTO ip_range (subnet_id, first, last, era, generation) "
    "SELECT id, host(cidr::inet + 100), host(cidr::inet + 200), 1, 1 FROM subnet",
)
