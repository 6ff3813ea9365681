"""Rows written by columns: for each row the same pieces of text one behind the other, some fixed, some out of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import polars as pl
import pyarrow as pa

from app.formats.column_texts import NumberTexts, fractions
from app.formats.fields import column_name
from app.mapping.plan import OutputField

BATCH = 4_096
"""Rows that are put together at a time: so few that they stay near the processor."""
_JOINED = 100  # fractions, up to which each is listed together with what follows it


class RowTexts:
    """Collects what every row consists of, from left to right. Fixed texts next to each other are one piece."""

    def __init__(self) -> None:
        self._pieces: list[pl.Expr] = []
        self._fixed = ""
        self._part: pl.Expr | None = None
        self._decimals = 0

    def fixed(self, text: str) -> None:
        """The same in every row."""
        self._fixed += text

    def column(self, texts: pl.Expr) -> None:
        """A text of each row, none of them null."""
        self._settle()
        self._pieces.append(texts)

    def number(self, number: NumberTexts, missing: str | None) -> None:
        """The number of each row, or ``missing``; None: there is none missing."""
        if number.sign is not None:
            self.column(number.sign)
        self.column(number.whole if missing is None else number.whole.fill_null(missing))
        if number.part is not None:
            # The first of the fractions is none.
            self._part = number.part if missing is None else number.part.fill_null(0)
            self._decimals = number.decimals

    def rows(self) -> pl.Expr:
        """Each row as one text."""
        self._settle()
        return pl.concat_str(self._pieces)

    def _settle(self) -> None:
        if self._part is not None:
            joined = self._fixed if len(fractions(self._decimals)) <= _JOINED else ""
            self._pieces.append(pl.lit(_followed(self._decimals, joined)).gather(self._part))
            self._part, self._fixed = None, self._fixed.removeprefix(joined)
        if self._fixed:
            self._pieces.append(pl.lit(self._fixed))
            self._fixed = ""


class RowWriter:
    """Writes any rows of one frame, in pieces. What its columns have in common is looked at once.

    ``row``: how each row is written, where the texts of these fields (by their position) are not plain; ``is_plain``:
    whether all texts of a column can be written as they are.
    """

    def __init__(
        self,
        fields: Sequence[OutputField],
        row: Callable[[frozenset[int]], pl.Expr],
        is_plain: Callable[[pl.Series], bool],
    ) -> None:
        self._texts = [(place, column_name(field)) for place, field in enumerate(fields) if field.kind == "text"]
        self._row, self._is_plain = row, is_plain
        self._known: dict[frozenset[int], pl.Expr] = {}

    def __call__(self, rows: pl.DataFrame) -> Iterator[bytes]:
        """The bytes of ``rows`` of the frame. May be asked by several threads at once."""
        for start in range(0, rows.height, BATCH):
            batch = rows.slice(start, BATCH)
            odd = frozenset(place for place, name in self._texts if not self._is_plain(batch.get_column(name)))
            row = self._known.get(odd)
            if row is None:
                row = self._known[odd] = self._row(odd)
            yield text_bytes(batch.select(row).to_series())


def text_bytes(texts: pl.Series) -> bytes:
    """The texts of a column one after the other: as they stand in an Arrow string column."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def lowest_byte(data: bytes) -> int:
    """The least of some bytes, of which there are any."""
    found = pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)]))).min()
    assert isinstance(found, int)  # noqa: S101 - there are some
    return found


@lru_cache(maxsize=512)
def _followed(decimals: int, text: str) -> pl.Series:
    return fractions(decimals) + text if text else fractions(decimals)
