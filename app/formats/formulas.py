"""Texts that a spreadsheet would run as a formula, made harmless."""

from __future__ import annotations

import re

import polars as pl

# A sign at the start, also in full width and behind blanks or control characters that an import drops;
# and what spreadsheets themselves take for the start of a new cell.
STARTS_A_FORMULA = "^(?:[\\x00-\\x20\u00a0\ufeff\u200b\u3000]*[=+\\-@＝＋－＠]|[\\t\\r\\n])"
_COMPILED = re.compile(STARTS_A_FORMULA)


def harmless(text: str) -> str:
    """``text``, with an apostrophe before it if a spreadsheet would run it."""
    return f"'{text}" if _COMPILED.match(text) else text


def harmless_column(column: pl.Expr) -> pl.Expr:
    """The same for a column of texts."""
    return pl.when(~column.str.contains(STARTS_A_FORMULA)).then(column).otherwise("'" + column)
