"""What an answer really told, for the audit: fields, regions and periods, also where the question named none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import orjson
import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import Period

_MOST_CODES = 64
_LEVELS = (9, 6, 4, 2)  # lengths of the codes above a village's
_FEW = 2_000


def answered(fields: Iterable[str], frame: pl.DataFrame, frequency: Frequency) -> dict[str, Any]:
    """``fields`` in order; ``regions`` as codes, each for itself and all below it; ``periods``, runs as ``a..b``.

    ``frame`` has a mapped frame's columns ``code`` and ``period``. Where there are many regions the codes above them
    are told, so that an entry stays small.
    """
    return told_of(fields, _distinct(frame["code"]), _distinct(frame["period"]), frequency)


def told_of(fields: Iterable[str], codes: set[str], periods: set[int], frequency: Frequency) -> dict[str, Any]:
    """The same of the codes and periods that were answered."""
    return {"fields": list(fields), "regions": _regions(codes), "periods": _periods(periods, frequency)}


def answered_changes(fields: Iterable[str], changes: Sequence[bytes]) -> dict[str, Any]:
    """As ``answered``, of changes as they are sent: JSON objects with a ``key``."""
    keys = [orjson.loads(change)["key"] for change in changes]
    periods = sorted({key["period"] for key in keys} - {None})
    return {
        "fields": list(fields),
        "regions": _regions({key["region"] for key in keys}),
        "periods": periods if len(periods) <= _MOST_CODES else [f"{periods[0]}..{periods[-1]}"],
    }


def _distinct(column: pl.Series) -> set[Any]:
    # For a page a set is many times quicker than starting the engine.
    found = column if column.len() <= _FEW else column.unique()
    return set(found.to_list()) - {None}


def _regions(codes: set[str]) -> list[str]:
    for length in _LEVELS:
        if len(codes) <= _MOST_CODES:
            break
        codes = {code[:length] for code in codes}
    return sorted(codes)


def _periods(ordinals: set[int], frequency: Frequency) -> list[str]:
    if frequency == "once":
        return []
    runs: list[list[int]] = []
    for ordinal in sorted(ordinals):
        if runs and ordinal == runs[-1][1] + 1:
            runs[-1][1] = ordinal
        else:
            runs.append([ordinal, ordinal])
    return [_told(first, last, frequency) for first, last in _bounded(runs)]


def _bounded(runs: list[list[int]]) -> Sequence[list[int]]:
    # Days of events are many and far apart; from the first to the last then.
    return runs if len(runs) <= _MOST_CODES else [[runs[0][0], runs[-1][1]]]


@lru_cache(maxsize=4096)
def _told(first: int, last: int, frequency: Frequency) -> str:
    start = str(Period(frequency, first))
    return start if first == last else f"{start}..{Period(frequency, last)}"
