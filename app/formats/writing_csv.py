"""CSV after RFC 4180: UTF-8 without a byte order mark, field names in the header, missing values empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import polars as pl

from app.formats.fields import texts
from app.formats.formulas import harmless, harmless_column
from app.formats.slices import written
from app.mapping.plan import OutputField

SLICE = 25_000
_LINE_END = "\r\n"


def write_csv(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """Header and rows, in pieces. Numbers in their shortest exact form; texts that a spreadsheet would run are made
    harmless with an apostrophe.
    """
    yield csv_head(fields)
    yield from written(frame, SLICE, lambda _, piece: csv_rows(fields, piece))


def csv_head(fields: Sequence[OutputField]) -> bytes:
    """The line of the field names."""
    header = io.StringIO()
    csv.writer(header, lineterminator=_LINE_END).writerow(harmless(field.name) for field in fields)
    return header.getvalue().encode()


def csv_rows(fields: Sequence[OutputField], frame: pl.DataFrame) -> bytes:
    """The lines of all rows of ``frame`` at once, without a header."""
    guarded = [harmless_column(pl.col(str(i))) for i, field in enumerate(fields) if field.kind == "text"]
    piece = texts(fields, frame).with_columns(guarded)
    if len(fields) == 1:
        piece = piece.fill_null("")  # an empty text is quoted; a line with nothing on it would be passed over
    sink = io.BytesIO()
    piece.write_csv(sink, include_header=False, line_terminator=_LINE_END)
    return sink.getvalue()
