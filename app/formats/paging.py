"""Going on after a page: by row number in a pinned state, or after a row that need no longer be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, TypedDict

import polars as pl

from app.errors import Problem
from app.formats.comparing import Value, compare
from app.formats.fields import column_name, number_text
from app.formats.selection import SortKey

KEY = "key:"


class Position(TypedDict):
    """Where a row stands: its values in the order asked (numbers as text), then code, period and key. JSON as it is."""

    sort: list[str | bool | None]
    code: str
    period: int
    key: list[str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows; ``offset`` and ``position`` say where to go on, None where nothing is left."""

    frame: pl.DataFrame
    offset: int | None
    position: Position | None


def page(frame: pl.DataFrame, sort: Sequence[SortKey], limit: int, start: int | Position = 0) -> Page:
    """At most ``limit`` rows of a selected ``frame``, from row number ``start`` or after the position ``start``.

    Raises ``Problem`` bad_cursor for a position that is not one of this order.
    """
    offset = start if isinstance(start, int) else frame.height - after(frame, sort, start).height
    rows = frame.slice(offset, limit)
    end = offset + rows.height
    if end >= frame.height or not rows.height:
        return Page(rows, None, None)
    return Page(rows, end, row_key(frame, sort, end - 1))


def row_key(frame: pl.DataFrame, sort: Sequence[SortKey], row: int) -> Position:
    """The position of row number ``row``."""
    found = frame.row(row, named=True)
    return Position(
        sort=[_written(key, found[column_name(key.field)]) for key in sort],
        code=found["code"],
        period=found["period"],
        key=[found[name] for name in frame.columns if name.startswith(KEY)],
    )


def after(frame: pl.DataFrame, sort: Sequence[SortKey], position: Position) -> pl.DataFrame:
    """The rows of ``frame``, selected with the order ``sort``, that come after ``position``."""
    columns = ["code", "period", *(name for name in frame.columns if name.startswith(KEY))]
    try:
        values = [_read(key, written) for key, written in zip(sort, position["sort"], strict=True)]
        ties = [position["code"], position["period"], *position["key"]]
        beyond = pl.lit(value=False)
        for name, tie in reversed(list(zip(columns, ties, strict=True))):
            beyond = (pl.col(name) > pl.lit(tie)) | ((pl.col(name) == pl.lit(tie)) & beyond)
    except (KeyError, TypeError, ValueError) as error:
        raise Problem("bad_cursor", "游标与所要求的排序不符 (the cursor does not belong to this order)") from error
    for key, value in reversed(list(zip(sort, values, strict=True))):
        column = pl.col(column_name(key.field))
        if value is None:
            beyond = column.is_null() & beyond
        else:
            further = compare(key.field, "lt" if key.descending else "gt", value)
            beyond = further | column.is_null() | (compare(key.field, "eq", value) & beyond)
    return frame.filter(beyond.fill_null(value=False))


def _written(key: SortKey, value: Any) -> str | bool | None:
    if value is None or isinstance(value, bool | str):
        return value
    return value.isoformat() if isinstance(value, date) else number_text(value, key.field.decimals)


def _read(key: SortKey, written: str | bool | None) -> Value | None:
    if written is None or isinstance(written, bool) or key.field.kind == "text":
        return written
    return Fraction(written) if key.field.kind == "number" else date.fromisoformat(written)
