"""CSV after RFC 4180: UTF-8 without a byte order mark, field names in the header, missing values empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import polars as pl

from app.formats.column_texts import date_texts, number_texts
from app.formats.fields import column_name
from app.formats.formulas import STARTS_A_FORMULA, harmless, harmless_column
from app.formats.row_texts import RowTexts, RowWriter, text_bytes
from app.formats.slices import Writer, written
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
    yield from written(frame, SLICE, csv_writer(fields, frame))


def csv_head(fields: Sequence[OutputField]) -> bytes:
    """The line of the field names."""
    header = io.StringIO()
    csv.writer(header, lineterminator=_LINE_END).writerow(harmless(field.name) for field in fields)
    return header.getvalue().encode()


def csv_writer(fields: Sequence[OutputField], frame: pl.DataFrame) -> Writer:
    """Writes the lines of any rows of ``frame``, without a header."""
    if not fields:
        return lambda _: iter(())
    return RowWriter(fields, lambda odd: _row(fields, frame, odd), _is_plain)


def _row(fields: Sequence[OutputField], frame: pl.DataFrame, odd: frozenset[int]) -> pl.Expr:
    """Each row as one text; among the texts of the ``odd`` fields are some that cannot stand there as they are."""
    # An empty text is quoted, to be told from a missing one; so is a line with nothing on it, which would be passed over.
    empty = '""' if len(fields) == 1 else ""
    row = RowTexts()
    for position, field in enumerate(fields):
        column = frame.get_column(column_name(field))
        missing = empty if column.null_count() else None
        text = pl.col(column.name)
        if position:
            row.fixed(",")
        if field.kind == "number":
            row.number(number_texts(column, field.decimals), missing)
            continue
        if field.kind == "date":
            text = date_texts(column)
        elif field.kind == "boolean":
            text = text.cast(pl.String)
        elif position in odd:
            text = _safe(text)
        row.column(text if missing is None else text.fill_null(missing))
    row.fixed(_LINE_END)
    return row.rows()


def _safe(text: pl.Expr) -> pl.Expr:
    """The texts as they stand in a file: none that a spreadsheet would run, and quoted where they have to be."""
    text = harmless_column(text)
    in_quotes = pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))
    needs = text.str.contains(_NEEDS_QUOTES) | (text == pl.lit(""))
    return pl.when(needs).then(in_quotes).otherwise(text)


def _is_plain(texts: pl.Series) -> bool:
    """Whether all texts can stand in a file as they are; looked for in the bytes of all of them at once first."""
    data = text_bytes(texts)
    if any(sign in data for sign in _QUOTED) or (texts == "").any():
        return False
    return not (_may_run(data) and texts.str.contains(STARTS_A_FORMULA).any())


def _may_run(data: bytes) -> bool:
    """Whether a sign with which a formula begins is among the bytes of some texts, wherever it stands."""
    if any(sign in data for sign in _RUNS):
        return True
    # A single byte is found many times quicker than a character.
    return _WIDE in data and any(sign in data for sign in _RUNS_WIDE)
