"""Writes what the leader decided: who manages whom, and which problems are open."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from evenrack.model.fleet_number import FleetNumber
from evenrack.model.identifiers import ProcessId, RackId


def write_managing(
    connection: Connection, managers: Mapping[RackId, ProcessId], number: FleetNumber
) -> set[RackId]:
    """Assign racks to their managing processes under this number; give those that were assigned.

    A process that has stopped since the leader looked gets none: the next look finds another.
    """
    if not managers:
        return set()
    written = connection.execute(
        text(
            "INSERT INTO managing (rack_id, process_id, era, generation) "
            "SELECT rack, process, :era, :generation "
            "FROM unnest(CAST(:racks AS text[]), CAST(:processes AS text[])) "
            "AS decided (rack, process) "
            "JOIN process p ON p.id = decided.process AND p.state = 'running' "
            "ON CONFLICT (rack_id) DO UPDATE SET process_id = excluded.process_id, "
            "era = excluded.era, generation = excluded.generation RETURNING rack_id"
        ),
        {
            "racks": list(managers),
            "processes": list(managers.values()),
            "era": number.era,
            "generation": number.generation,
        },
    ).all()
    return {RackId(row.rack_id) for row in written}


def read_problems(connection: Connection) -> dict[tuple[str, str], datetime]:
    """Give (code, object) of each open problem, with when it began."""
    rows = connection.execute(text("SELECT code, object, at FROM problem"))
    return {(row.code, row.object): row.at for row in rows}


def open_problems(connection: Connection, problems: Sequence[tuple[str, str, str]]) -> None:
    """Record problems (code, object, whom it affects) as beginning now."""
    if not problems:
        return
    connection.execute(
        text(
            "INSERT INTO problem (code, object, affects) SELECT code, object, affects "
            "FROM unnest(CAST(:codes AS text[]), CAST(:objects AS text[]), "
            "CAST(:affects AS text[])) AS opened (code, object, affects) "
            "ON CONFLICT (code, object) DO NOTHING"
        ),
        {
            "codes": [code for code, _, _ in problems],
            "objects": [where for _, where, _ in problems],
            "affects": [affects for _, _, affects in problems],
        },
    )


def close_problems(connection: Connection, problems: Sequence[tuple[str, str]]) -> None:
    """Forget problems (code, object) that are over."""
    if not problems:
        return
    connection.execute(
        text(
            "DELETE FROM problem p USING "
            "unnest(CAST(:codes AS text[]), CAST(:objects AS text[])) AS closed (code, object) "
            "WHERE p.code = closed.code AND p.object = closed.object"
        ),
        {
            "codes": [code for code, _ in problems],
            "objects": [where for _, where in problems],
        },
    )
