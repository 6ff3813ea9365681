"""What has to be removed and put so that one state of a view becomes another, as a follower is told of it.

Between two whole states this is done on columns. Where a follower stands between states (the second changed before
it had everything of it), what it has is worked out row by row, each under its key as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.formats.writing_json import write_ndjson
from app.mapping.run import Mapped

_POSITION = ["code", "period"]


@dataclass(frozen=True)
class Shown:
    """A view as it was shown to someone, with the frequency of its grain."""

    mapped: Mapped
    frequency: Frequency

    def rows(self, frame: pl.DataFrame) -> Iterator[tuple[bytes, bytes]]:
        """Key and record of each row of ``frame``, as JSON; exact numbers are carried over as bytes, never parsed."""
        # One object a line, so that the lines of the writer are the records.
        lines = b"".join(write_ndjson(self.mapped.fields, frame)).split(b"\n")[: frame.height]
        return zip(self.keys(frame), lines, strict=True)

    def keys(self, frame: pl.DataFrame) -> list[bytes]:
        return [orjson.dumps(key) for key in _keys(frame, self.frequency)]


class Between:
    """The changes from one state to another, removals first, in an order that is the same each time."""

    def __init__(self, old: Shown | None, new: Shown) -> None:
        self._old, self._new = old, new
        self._removed, self._put = _difference(old.mapped if old is not None else None, new.mapped)

    @property
    def size(self) -> int:
        return self._removed.height + self._put.height

    def removed(self, start: int, count: int) -> list[bytes]:
        """The keys removed by the changes from number ``start`` on, at most ``count`` changes."""
        return self._old.keys(self._removed.slice(start, count)) if self._old is not None else []

    def put(self, start: int, count: int) -> list[tuple[bytes, bytes]]:
        """The keys and records put by the same changes."""
        begin, end = (max(0, place - self._removed.height) for place in (start, start + count))
        return list(self._new.rows(self._put.slice(begin, end - begin)))


class Onward:
    """As ``Between``, for a follower that has rows of several states."""

    def __init__(self, had: dict[bytes, bytes], new: Shown) -> None:
        wanted = dict(new.rows(new.mapped.frame))
        self._removed = [key for key in had if key not in wanted]
        self._put = [(key, record) for key, record in wanted.items() if had.get(key) != record]

    @property
    def size(self) -> int:
        return len(self._removed) + len(self._put)

    def removed(self, start: int, count: int) -> list[bytes]:
        return self._removed[start : start + count]

    def put(self, start: int, count: int) -> list[tuple[bytes, bytes]]:
        begin, end = (max(0, place - len(self._removed)) for place in (start, start + count))
        return list(islice(self._put, begin, end))


def had_after(old: Shown | None, steps: list[tuple[Shown, int]]) -> dict[bytes, bytes]:
    """What a follower has that was given, from ``old`` on, so many of the changes towards each of ``steps``."""
    had = dict(old.rows(old.mapped.frame)) if old is not None else {}
    for number, (goal, done) in enumerate(steps):
        way: Between | Onward = Onward(had, goal) if number else Between(old, goal)
        for key in way.removed(0, done):
            del had[key]
        had.update(way.put(0, done))
    return had


def entries(way: Between | Onward, start: int, count: int) -> list[bytes]:
    """The changes from number ``start`` on, at most ``count``, as they are answered."""
    found = [b'{"op":"remove","key":' + key + b"}" for key in way.removed(start, count)]
    found += [b'{"op":"upsert","key":' + key + b',"record":' + record + b"}" for key, record in way.put(start, count)]
    return found


def _difference(old: Mapped | None, new: Mapped) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows to remove (of ``old``) and to put (of ``new``). Rows are told apart by code, period and key."""
    key = [*_POSITION, *(f"key:{name}" for name in new.key)]
    if old is None:
        return new.frame.head(0), new.frame
    if old.key != new.key or old.frame.schema.get("period") != new.frame.schema.get("period"):
        return old.frame, new.frame
    removed = old.frame.join(new.frame.select(key), on=key, how="anti", nulls_equal=True, maintain_order="left")
    if _shape(old) != _shape(new):
        return removed, new.frame
    shown = [f"field:{field.name}" for field in new.fields]
    columns = [*key, *shown]
    # Widths may differ between two computations of the same column; the values are what counts.
    same = old.frame.select(columns).cast({name: new.frame.schema[name] for name in columns}, strict=False)
    return removed, new.frame.join(same, on=columns, how="anti", nulls_equal=True, maintain_order="left")


def _shape(mapped: Mapped) -> list[tuple[str, str, int]]:
    return [(field.name, field.kind, field.decimals) for field in mapped.fields]


def _keys(frame: pl.DataFrame, frequency: Frequency) -> Iterator[dict[str, Any]]:
    names = [name for name in frame.columns if name.startswith("key:")]
    for code, period, *key in frame.select("code", "period", *names).rows():
        values = {name.removeprefix("key:"): value for name, value in zip(names, key, strict=True)}
        yield {"region": code, "period": str(Period(frequency, period)) or None, **values}
