"""Mapped frames made by hand, with the values they mean kept beside them as plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from app.mapping.plan import OutputField
from app.mapping.run import Mapped

_TYPES = {"text": pl.String, "boolean": pl.Boolean, "date": pl.Date}
FIELDS = (
    OutputField("xzqhdm", "行政区划代码", "text"),
    OutputField("czrk_w", "常住人口", "number", 4, "万人"),
    OutputField("hs", "户数", "number", 0, "户"),
    OutputField("bfb", "百分比", "number", 1, "%"),
    OutputField("rq", "日期", "date"),
    OutputField("sf", "是否", "boolean"),
    OutputField('怪"名,\n', "怪名", "text"),
)
Record = dict[str, Any]


def scaled(value: Decimal, decimals: int) -> int:
    """value × 10**decimals, by moving digits and not by arithmetic."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)) + "0" * (exponent + decimals))
    return -number if sign else number


def frame_of(records: Sequence[Record], fields: Sequence[OutputField] = FIELDS, *, wide: bool = True) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {
        "region": pl.Series(range(len(records)), dtype=pl.Int32),
        "code": pl.Series([f"43{i:07d}" for i in range(len(records))], dtype=pl.String),
        "period": pl.Series([2025] * len(records), dtype=pl.Int32),
    }
    for field in fields:
        cells = [record[field.name] for record in records]
        name = f"field:{field.name}"
        if field.kind == "number":
            integers = [None if cell is None else scaled(cell, field.decimals) for cell in cells]
            columns[name] = pl.Series(integers, dtype=pl.Int128 if wide else pl.Int64)
        else:
            columns[name] = pl.Series(cells, dtype=_TYPES[field.kind])
    return pl.DataFrame(columns)


def mapped_of(records: Sequence[Record], fields: Sequence[OutputField] = FIELDS) -> Mapped:
    return Mapped(frame_of(records, fields), tuple(fields), ())


def _cells(field: OutputField) -> st.SearchStrategy[Any]:
    if field.kind == "number":
        step = Decimal(1).scaleb(-field.decimals)
        wide = st.integers(-(10**25), 10**25) | st.integers(-(10**6), 10**6)
        return wide.map(lambda integer: Decimal(integer) * step)
    if field.kind == "boolean":
        return st.booleans()
    if field.kind == "date":
        return st.dates(date(1850, 1, 1), date(2200, 1, 1))
    awkward = st.sampled_from(
        ["=1+1", "－5", "@x", "001", "-", "'", '"', "\\", "\u2028", "𡐓", "a,b\r\nc", "_x0041_x0042_", "\x01\x1f", ""]
    )
    return awkward | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def records_of(fields: Sequence[OutputField] = FIELDS, *, most: int = 60) -> st.SearchStrategy[list[Record]]:
    one = st.fixed_dictionaries({field.name: st.none() | _cells(field) for field in fields})
    return st.lists(one, max_size=most)
