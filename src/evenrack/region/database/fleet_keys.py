"""How a statement is told which rows to read: all, or those with certain keys."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY


def named(
    column: ColumnElement[Any], keys: Collection[object] | None
) -> tuple[ColumnElement[bool], ...]:
    """Give the condition that a row has one of these keys; none when all rows are wanted."""
    if keys is None:
        return ()
    return (column == any_(literal(list(keys), ARRAY(column.type))),)
