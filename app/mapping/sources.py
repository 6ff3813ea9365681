"""What a plan needs from outside to run: rows of datasets, and which cells an agreement covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from app.catalogue.model import Frequency


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one dataset, one row each.

    Columns of ``frame``: ``region`` Int32, ``period`` Int32 (ordinal in the dataset's own frequency), the key columns
    by element code (String), then one per element asked for, by element code: integer and decimal Int64 or
    Int128 = value × ``scale[element]``, text and code String, date Date, boolean Boolean. A missing value and an uncovered
    cell are both null; of an element that is covered nowhere the column may be left out. (region, period, key) is
    unique.
    """

    frame: pl.DataFrame
    scale: Mapping[str, int]


class Sources(Protocol):
    """Where records come from."""

    def rows(self, dataset: str, elements: Sequence[str]) -> Rows:
        """The records of ``dataset`` with these elements (codes, none of them a key element) and no others."""


class Coverage(Protocol):
    """Which cells the reader's agreements cover. ``path`` is ``dataset.element``."""

    def everywhere(self, path: str) -> bool:
        """Whether every region and period of the element is covered: then nothing else is asked about it."""

    def by_record(self, path: str) -> bool:
        """Whether the records of a list in one region and period may be covered apart. ``covered`` is then given their
        ``key:`` columns where a row is one record; without them it says whether all that could be there is covered.
        """

    def covered(self, path: str, pairs: pl.DataFrame, frequency: Frequency) -> pl.Series:
        """For each row of ``pairs`` (``region`` Int32, ``period`` Int32 in ``frequency``) whether that cell is
        covered: a period lies wholly inside one of the grants. Boolean without nulls, in the order of ``pairs``.
        ``frequency`` may be coarser than the dataset's, where a whole group is asked about.
        """
