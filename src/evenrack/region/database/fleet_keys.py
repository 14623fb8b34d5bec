"""Which rows a statement is to read: all, those with certain keys, or those between two keys."""

from collections.abc import Collection
from typing import Any, TypeVar

from attrs import frozen
from sqlalchemy import ColumnElement, Text, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY

KeyT = TypeVar("KeyT")


@frozen
class Span:
    """The keys above one and up to another; None: no end on that side. Text is compared by bytes.

    Python does so too, whatever the order of the database is.
    """

    above: Any
    upto: Any


Wanted = Collection[KeyT] | Span | None
"""Which rows to read, by their keys; None: all."""


def named(column: ColumnElement[Any], wanted: Wanted[Any]) -> tuple[ColumnElement[bool], ...]:
    """Give the condition that a row is wanted; none when all are."""
    if wanted is None:
        return ()
    if not isinstance(wanted, Span):
        return (column == any_(literal(list(wanted), ARRAY(column.type))),)
    ordered = column.collate("C") if isinstance(column.type, Text) else column
    above = () if wanted.above is None else (ordered > wanted.above,)
    upto = () if wanted.upto is None else (ordered <= wanted.upto,)
    return (*above, *upto)
