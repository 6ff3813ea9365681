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
from app.formats.row_texts import RowTexts, RowWriter, lowest_byte, text_bytes
from app.formats.slices import Writer, written
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
    return b"[" + b"".join(_records(fields, frame, ",")(frame))[:-1] + b"]"


def write_json(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """One JSON array, in pieces."""
    yield b"["
    before = b""
    for piece in filter(None, written(frame, SLICE, _records(fields, frame, ",\n"))):
        if before:
            yield before
        before = piece
    yield before[:-2]
    yield b"]\n"


def write_ndjson(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """One object a line, in pieces."""
    yield from written(frame, SLICE, ndjson_writer(fields, frame))


def ndjson_rows(fields: Sequence[OutputField], frame: pl.DataFrame) -> bytes:
    """The lines of all rows of ``frame`` at once."""
    return b"".join(ndjson_writer(fields, frame)(frame))


def ndjson_writer(fields: Sequence[OutputField], frame: pl.DataFrame) -> Writer:
    """Writes the lines of any rows of ``frame``."""
    return _records(fields, frame, "\n")


def _records(fields: Sequence[OutputField], frame: pl.DataFrame, end: str) -> Writer:
    """Writes any rows of ``frame`` one after the other, each followed by ``end``."""
    if not fields:
        return lambda rows: iter([f"{{}}{end}".encode() * rows.height])
    if frame.height <= _FEW:
        return lambda rows: iter([_by_cells(fields, rows, end)])
    return RowWriter(fields, lambda odd: _by_columns(fields, frame, end, odd), _is_plain)


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


def _by_columns(fields: Sequence[OutputField], frame: pl.DataFrame, end: str, odd: frozenset[int]) -> pl.Expr:
    """Each record as one text; in the texts of the ``odd`` fields something has to be escaped."""
    row = RowTexts()
    for position, (field, label) in enumerate(zip(fields, _labels(fields), strict=True)):
        column = frame.get_column(column_name(field))
        missing = "null" if column.null_count() else None
        text = pl.col(column.name)
        row.fixed(label)
        if field.kind == "number":
            row.number(number_texts(column, field.decimals), missing)
        elif field.kind == "boolean":
            row.column(text.cast(pl.String).fill_null("null"))
        else:
            if field.kind == "date":
                text = date_texts(column)
            elif position in odd:
                text = text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
            _quote(row, text, missing)
    row.fixed("}" + end)
    return row.rows()


def _quote(row: RowTexts, text: pl.Expr, missing: str | None) -> None:
    if missing is not None:
        row.column(pl.concat_str(pl.lit('"'), text, pl.lit('"')).fill_null(missing))
        return
    row.fixed('"')
    row.column(text)
    row.fixed('"')


def _is_plain(texts: pl.Series) -> bool:
    """Whether nothing is to be escaped; looked for in the bytes of all texts at once."""
    data = text_bytes(texts)
    return not data or not (b'"' in data or b"\\" in data or lowest_byte(data) < _FIRST_PLAIN)
