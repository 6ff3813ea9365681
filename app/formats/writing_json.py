"""JSON and NDJSON: exact numbers in their shortest form, every field of every record, missing values null."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from app.formats.fields import column_name, number_text, texts
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
_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


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
    columns = texts(fields, frame)
    plain = [str(position) for position, field in enumerate(fields) if field.kind == "text"]
    awkward = columns.select(pl.col(plain).str.contains(_NEEDS_ESCAPE).any()).row(0, named=True) if plain else {}
    pieces: list[pl.Expr] = []
    for position, (field, label) in enumerate(zip(fields, _labels(fields), strict=True)):
        column = columns.get_column(str(position))
        value = pl.col(str(position))
        quoted = field.kind in {"text", "date"}
        if awkward.get(str(position)):
            value = value.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
        if quoted and not column.null_count():
            pieces += [pl.lit(f'{label}"'), value, pl.lit('"')]
        elif quoted:
            pieces += [pl.lit(label), pl.concat_str(pl.lit('"'), value, pl.lit('"')).fill_null("null")]
        else:
            pieces += [pl.lit(label), value.fill_null("null") if column.null_count() else value]
    lines = columns.select(pl.concat_str(*pieces, pl.lit("}" + end))).to_series()
    # The texts of an Arrow string column stand one after the other: that is the answer.
    array = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    return b"" if data is None else data.to_pybytes()
