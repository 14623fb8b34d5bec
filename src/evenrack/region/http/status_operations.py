"""What may be asked about the state of everything, and the forms of the answers."""

from evenrack.region.database.event_store import MOST_EVENTS
from evenrack.region.http.fields import or_null
from evenrack.region.http.operations import Operation, limit_up_to, number_up_to
from evenrack.region.http.shapes import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    GENERATION,
    ID,
    SECONDS,
    TEXT,
    TIME,
    object_of,
    rows_of,
    word_of,
)

HIGHEST_EVENT = 2**63 - 1

_STATE = word_of("running", "degraded", "draining", "dead", "off")

_PROBLEM = object_of(code=TEXT, object=TEXT, since=TIME, affects=TEXT, do=TEXT)

_PROCESS = object_of(
    id=TEXT,
    pid=ID,
    state=_STATE,
    racks_managed=COUNT,
    connections=COUNT,
    clock_ahead=or_null(SECONDS),
)

_REGION = object_of(
    id=TEXT, hostname=TEXT, state=_STATE, racks_managed=COUNT, processes=rows_of(_PROCESS)
)

_RACK = object_of(
    id=TEXT,
    hostname=TEXT,
    failure_domain=TEXT,
    state=_STATE,
    connections=COUNT,
    processes_connected=COUNT,
    processes_live=COUNT,
    managed_by=or_null(TEXT),
    vlans_primary=rows_of(TEXT),
    vlans_secondary=rows_of(TEXT),
    addresses=rows_of(TEXT),
    applied_generation=GENERATION,
)

_EVENT = object_of(
    id=ID, at=TIME, kind=TEXT, object=TEXT, text=TEXT, data=ANYTHING, generation=GENERATION
)

_MOVE = object_of(
    **{
        "at": TIME,
        "what": TEXT,
        "item": TEXT,
        "name": TEXT,
        "from": or_null(TEXT),
        "to": or_null(TEXT),
        "forced": BOOLEAN,
        "reason": TEXT,
        "generation": GENERATION,
    }
)

_OK = object_of(ok=BOOLEAN)

STATUS = Operation(
    summary="Show the state of the whole fleet",
    answer=object_of(
        generation=COUNT,
        era=COUNT,
        leader=or_null(TEXT),
        database=object_of(state=word_of("ok", "unreachable"), detail=TEXT),
        problems=rows_of(_PROBLEM),
        survives=object_of(**{"yes": BOOLEAN, "not": rows_of(object_of(part=TEXT, why=TEXT))}),
        regions=rows_of(_REGION),
        racks=rows_of(_RACK),
    ),
)

PROBLEMS = Operation(summary="Show the problems, the worst first", answer=rows_of(_PROBLEM))

EXPLAIN = Operation(
    summary="Explain what a code of a problem means",
    answer=object_of(code=TEXT, meaning=TEXT, suffers=TEXT, do=TEXT),
)

REGIONS = Operation(summary="Show the region hosts and processes", answer=rows_of(_REGION))

RACKS = Operation(summary="Show the rack controllers", answer=rows_of(_RACK))

EVENTS = Operation(
    summary="Show events, the newest or those after one, in their order",
    arguments={
        "after": number_up_to(HIGHEST_EVENT, None, "only those with a higher id"),
        "limit": limit_up_to(MOST_EVENTS),
    },
    answer=object_of(events=rows_of(_EVENT), next=COUNT),
)

HISTORY = Operation(
    summary="Show the newest moves, each with its reason",
    arguments={"limit": limit_up_to(MOST_EVENTS)},
    answer=rows_of(_MOVE),
)

HEALTHY = Operation(
    summary="Tell whether the process answers", answer=_OK, ignores_other_arguments=True
)

READY = Operation(
    summary="Tell whether the process reaches its database",
    answer=_OK,
    ignores_other_arguments=True,
)
