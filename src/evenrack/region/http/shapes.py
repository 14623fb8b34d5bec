"""The forms of answers, in JSON Schema: programs may rely on what is named here."""

from typing import Any

from evenrack.region.http.fields import Schema

ID: Schema = {"type": "integer", "minimum": 1}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}

GENERATION: Schema = {"type": "string", "pattern": "^[0-9]+[.][0-9]+$"}
"""A number of the fleet: era, dot, generation."""

TIME: Schema = {"type": "string", "format": "date-time"}


def object_of(**members: Schema) -> Schema:
    """Make the form of an object that has all these; more may be added, none renamed."""
    return {"type": "object", "properties": dict(members), "required": list(members)}


def rows_of(each: Schema) -> Schema:
    """Make the form of a list."""
    return {"type": "array", "items": each}


def word_of(*words: Any) -> Schema:
    """Make the form of one of these."""
    return {"enum": list(words)}
