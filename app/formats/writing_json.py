"""JSON and NDJSON: exact numbers in their shortest form, every field of every record, missing values null."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from app.formats.column_texts import date_texts, number_texts
from app.formats.fields import column_name, number_text
from app.formats.row_texts import RowTexts, lowest_byte, text_bytes
from app.formats.slices import written
from app.mapping.plan import OutputField

SLICE = 25_000
_FEW = 32  # up to here a loop over cells is quicker than setting up columns

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    **{chr(code): f"\\u{code:04x}" for code in range(0x20)},
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}
_FIRST_PLAIN = 0x20


def json_records(fields: Sequence[OutputField], frame: pl.DataFrame) -> bytes:
    """All records of ``frame`` as one JSON array."""
    return b"[" + _records(fields, frame, ",")[:-1] + b"]"


def write_json(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """One JSON array, in pieces."""
    yield b"["

    def write(start: int, piece: pl.DataFrame) -> bytes:
        body = _records(fields, piece, ",\n")
        return body[:-2] if start + SLICE >= frame.height else body

    yield from written(frame, SLICE, write)
    yield b"]\n"


def write_ndjson(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """One object a line, in pieces."""
    yield from written(frame, SLICE, lambda _, piece: ndjson_rows(fields, piece))


def ndjson_rows(fields: Sequence[OutputField], frame: pl.DataFrame) -> bytes:
    """The lines of all rows of ``frame`` at once."""
    return _records(fields, frame, "\n") if frame.height else b""


def _records(fields: Sequence[OutputField], frame: pl.DataFrame, end: str) -> bytes:
    """The records one after the other, each followed by ``end``."""
    if not fields:
        return f"{{}}{end}".encode() * frame.height
    return _by_cells(fields, frame, end) if frame.height <= _FEW else _by_columns(fields, frame, end)


def _labels(fields: Sequence[OutputField]) -> Sequence[str]:
    return _labels_of(tuple(field.name for field in fields))


@lru_cache(maxsize=512)
def _labels_of(names: Sequence[str]) -> Sequence[str]:
    """What stands before each value: ``{"a":`` for the first, ``,"b":`` for the others."""
    return tuple(f"{',' if position else '{'}{_quoted(name)}:" for position, name in enumerate(names))


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _by_cells(fields: Sequence[OutputField], frame: pl.DataFrame, end: str) -> bytes:
    labels = _labels(fields)
    pieces: list[str] = []
    places = {name: place for place, name in enumerate(frame.columns)}
    wanted = [(label, field, places[column_name(field)]) for label, field in zip(labels, fields, strict=True)]
    for row in frame.rows():
        for label, field, place in wanted:
            value = row[place]
            pieces.append(label)
            if value is None:
                pieces.append("null")
            elif field.kind == "number":
                pieces.append(number_text(value, field.decimals) if field.decimals else str(value))
            else:
                pieces.append(_value(value))
        pieces.append("}" + end)
    return "".join(pieces).encode()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value.isoformat() if isinstance(value, date) else value, ensure_ascii=False)


def _by_columns(fields: Sequence[OutputField], frame: pl.DataFrame, end: str) -> bytes:
    row = RowTexts()
    for field, label in zip(fields, _labels(fields), strict=True):
        column = frame.get_column(column_name(field))
        row.fixed(label)
        if field.kind == "number":
            row.number(number_texts(column, field.decimals), "null")
        elif field.kind == "boolean":
            row.column(column.cast(pl.String).fill_null("null"))
        else:
            _quoted_column(row, date_texts(column) if field.kind == "date" else _escaped(column))
    row.fixed("}" + end)
    return row.data()


def _quoted_column(row: RowTexts, texts: pl.Series) -> None:
    if texts.null_count():
        row.column(pl.select(pl.concat_str(pl.lit('"'), texts, pl.lit('"')).fill_null("null")).to_series())
    else:
        row.fixed('"')
        row.column(texts)
        row.fixed('"')


def _escaped(texts: pl.Series) -> pl.Series:
    data = text_bytes(texts)
    if not data or not (b'"' in data or b"\\" in data or lowest_byte(data) < _FIRST_PLAIN):
        return texts
    return texts.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
