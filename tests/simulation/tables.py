"""What the tables show at one moment, read past every door of the product."""

import json

import attrs
from sqlalchemy import text

from evenrack.model.fleet_number import FleetNumber

EVERYTHING = text(
    "SELECT json_build_object("
    "'leadership', (SELECT row_to_json(l) FROM leadership l), "
    "'processes', (SELECT json_object_agg(id, json_build_array(incarnation, state) "
    "ORDER BY id) FROM process), "
    "'links', (SELECT json_agg(json_build_array(link, rack_id, process_id, incarnation, run, "
    "rack_holds) ORDER BY link) FROM connection), "
    "'managing', (SELECT json_object_agg(rack_id, process_id ORDER BY rack_id) FROM managing), "
    "'pairs', (SELECT json_object_agg(vlan_id, json_build_array(primary_rack, secondary_rack) "
    "ORDER BY vlan_id) FROM dhcp_pair), "
    "'drains', (SELECT json_agg(id ORDER BY id) FROM drain WHERE kind = 'rack'))::text"
)


@attrs.frozen(kw_only=True)
class Link:
    """One row of a link."""

    link: str
    rack: str
    process: str
    incarnation: int
    run: str
    rack_holds: bool


@attrs.frozen(kw_only=True)
class Tables:
    """The rows that promises are about; maps from one name to another."""

    number: FleetNumber
    epoch: int
    holder: str | None
    states: dict
    incarnations: dict
    links: tuple
    managing: dict
    pairs: dict
    """VLAN to (primary, secondary)."""
    drains: frozenset = frozenset()
    """Racks that are drained."""
    counted: frozenset = attrs.field()
    """(rack, process) of each link that counts: of a running process, and the rack has it too."""

    @counted.default
    def _those_that_count(self):
        return frozenset(
            (link.rack, link.process)
            for link in self.links
            if link.rack_holds and not self.is_of_the_dead(link)
        )

    def is_of_the_dead(self, link):
        """Tell a row that should have gone with its process."""
        running = self.states.get(link.process) == "running"
        return not running or self.incarnations[link.process] != link.incarnation

    def manager_of(self, rack):
        """Name the running process that manages a rack and has a link to it."""
        process = self.managing.get(rack)
        return process if (rack, process) in self.counted else None

    def is_connected(self, rack):
        return any(rack == linked for linked, _ in self.counted)

    def loads(self, managing):
        """Count what each would have if racks were managed like this.

        Gives process to racks, and region host to (racks, running processes).
        """
        of_process = {p: 0 for p, state in self.states.items() if state == "running"}
        for rack, process in managing.items():
            if (rack, process) in self.counted:
                of_process[process] += 1
        of_host = {}
        for process, racks in of_process.items():
            host = process.partition("/")[0]
            owned, processes = of_host.get(host, (0, 0))
            of_host[host] = owned + racks, processes + 1
        return of_process, of_host


def read_tables(connection):
    """Read all of it in one statement."""
    seen = json.loads(connection.execute(EVERYTHING).scalar_one())
    leadership = seen["leadership"]
    processes = seen["processes"] or {}
    names = ("link", "rack", "process", "incarnation", "run", "rack_holds")
    return Tables(
        number=FleetNumber(leadership["era"], leadership["generation"]),
        epoch=leadership["epoch"],
        holder=leadership["holder_id"],
        states={process: state for process, (_, state) in processes.items()},
        incarnations={process: incarnation for process, (incarnation, _) in processes.items()},
        links=tuple(Link(**dict(zip(names, row, strict=True))) for row in seen["links"] or ()),
        managing=seen["managing"] or {},
        pairs={vlan: tuple(pair) for vlan, pair in (seen["pairs"] or {}).items()},
        drains=frozenset(seen["drains"] or ()),
    )
