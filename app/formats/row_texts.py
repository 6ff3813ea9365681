"""Rows written by columns: for each row the same pieces of text one behind the other, some fixed, some out of columns."""

from __future__ import annotations

from functools import lru_cache

import polars as pl
import pyarrow as pa

from app.formats.column_texts import NumberTexts, fractions

_JOINED = 100  # fractions, up to which each is listed together with what follows it


class RowTexts:
    """Collects what every row consists of, from left to right. Fixed texts next to each other are one piece."""

    def __init__(self) -> None:
        self._pieces: list[pl.Series | pl.Expr] = []
        self._fixed = ""
        self._part: pl.Series | None = None
        self._decimals = 0

    def fixed(self, text: str) -> None:
        """The same in every row."""
        self._fixed += text

    def column(self, texts: pl.Series) -> None:
        """The text of each row, none of them null."""
        self._settle()
        self._pieces.append(texts)

    def number(self, number: NumberTexts, missing: str) -> None:
        """The number of each row, or ``missing``."""
        if number.sign is not None:
            self.column(number.sign)
        self.column(number.whole.fill_null(missing) if number.whole.null_count() else number.whole)
        if number.part is not None:
            part = number.part
            # The first of the fractions is none.
            self._part, self._decimals = part.fill_null(0) if part.null_count() else part, number.decimals

    def data(self) -> bytes:
        """The rows one after the other."""
        self._settle()
        lines = pl.select(pl.concat_str(self._pieces)).to_series()
        # The texts of an Arrow string column stand one after the other: that is the answer.
        data = text_bytes(lines)
        return b"" if data is None else data

    def _settle(self) -> None:
        if self._part is not None:
            joined = self._fixed if len(fractions(self._decimals)) <= _JOINED else ""
            self._pieces.append(_followed(self._decimals, joined).gather(self._part))
            self._part, self._fixed = None, self._fixed.removeprefix(joined)
        if self._fixed:
            self._pieces.append(pl.lit(self._fixed))
            self._fixed = ""


def text_bytes(texts: pl.Series) -> bytes | None:
    """The texts of a column one after the other; None where there are none."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    return None if data is None else data.to_pybytes()


def lowest_byte(data: bytes) -> int:
    """The least of some bytes, of which there are any."""
    found = pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)]))).min()
    assert isinstance(found, int)  # noqa: S101 - there are some
    return found


@lru_cache(maxsize=512)
def _followed(decimals: int, text: str) -> pl.Series:
    return fractions(decimals) + text if text else fractions(decimals)
