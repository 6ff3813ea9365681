"""CSV after RFC 4180: UTF-8 without a byte order mark, field names in the header, missing values empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import polars as pl

from app.formats.column_texts import date_texts, number_texts
from app.formats.fields import column_name
from app.formats.formulas import STARTS_A_FORMULA, harmless, harmless_column
from app.formats.row_texts import RowTexts, text_bytes
from app.formats.slices import written
from app.mapping.plan import OutputField

SLICE = 25_000
_LINE_END = "\r\n"
_NEEDS_QUOTES = r'[",\r\n]'
_QUOTED = (b'"', b",", b"\r", b"\n")
_RUNS = (b"=", b"+", b"-", b"@", b"\t", b"\r", b"\n")
_RUNS_WIDE = tuple(sign.encode() for sign in "＝＋－＠")
_WIDE = b"\xef"  # with which all of these begin


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
    if not fields:
        return b""
    # An empty text is quoted, to be told from a missing one; so is a line with nothing on it, which would be passed over.
    missing = '""' if len(fields) == 1 else ""
    row = RowTexts()
    for position, field in enumerate(fields):
        column = frame.get_column(column_name(field))
        if position:
            row.fixed(",")
        if field.kind == "number":
            row.number(number_texts(column, field.decimals), missing)
            continue
        texts = _safe(column) if field.kind == "text" else _told(column)
        row.column(texts.fill_null(missing) if texts.null_count() else texts)
    row.fixed(_LINE_END)
    return row.data()


def _told(column: pl.Series) -> pl.Series:
    return date_texts(column) if column.dtype == pl.Date else column.cast(pl.String)


def _safe(texts: pl.Series) -> pl.Series:
    """The texts as they stand in a file: none that a spreadsheet would run, and quoted where they have to be."""
    data = text_bytes(texts) or b""
    runs = _may_run(data) and texts.str.contains(STARTS_A_FORMULA).any()
    quoted = any(sign in data for sign in _QUOTED) or (texts == "").any()
    if not runs and not quoted:
        return texts
    text = harmless_column(pl.col("text"))
    in_quotes = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    needs = text.str.contains(_NEEDS_QUOTES) | (text == pl.lit(""))
    return texts.alias("text").to_frame().select(pl.when(needs).then(in_quotes).otherwise(text)).to_series()


def _may_run(data: bytes) -> bool:
    """Whether a sign with which a formula begins is among the bytes of some texts, wherever it stands."""
    if any(sign in data for sign in _RUNS):
        return True
    # A single byte is found many times quicker than a character.
    return _WIDE in data and any(sign in data for sign in _RUNS_WIDE)
