"""The rows of a few regions of a part: found where they stand, or brought to a later revision without making the part.

A township that reports once must not cost the rewriting of all that its dataset holds of the year. What is shown of a
few regions is the same whether it comes from here or from the whole part; only the scales may be larger than needed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import polars as pl

from app.catalogue.model import Dataset, Element
from app.catalogue.units import UnitMismatch, UnitTable
from app.snapshots.building import PartChanges, PartRow, Recipe, data_elements, factor_of
from app.snapshots.exact_columns import LARGEST, NotRepresentableError, exact_integers
from app.snapshots.part_files import Part

MOST_ROWS = 2_000
"""Changed rows beyond which the whole part is made sooner."""
FEW = 64
"""Regions up to which rows are found one region after the other."""
_INT64 = 2**63 - 1
_ISO_DATE = 10  # characters


class NotPlain(ValueError):
    """Something that is left to the way by the whole part, which has the last word on it."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    integers: list[int | None]
    scale: int
    bound: int


def of_regions(frame: pl.DataFrame, regions: Collection[int]) -> pl.DataFrame:
    """The rows of ``regions`` in a frame sorted by region, in its order. Copies nothing where they lie together."""
    if len(regions) > FEW:
        return frame.filter(pl.col("region").is_in(sorted(regions)))
    column = frame["region"].rechunk().to_arrow()
    held = memoryview(column.buffers()[1] or b"").cast("i")[column.offset : column.offset + len(column)]
    found = []
    for region in sorted(regions):
        first = bisect_left(held, region)
        end = bisect_right(held, region, first)
        if end > first:
            found.append(frame.slice(first, end - first))
    if len(found) == 1:
        return found[0]
    return pl.concat(found) if found else frame.clear()


def revised_regions(
    earlier: Part, dataset: Dataset, units: UnitTable, changes: PartChanges, regions: Collection[int]
) -> Part:
    """A part with the rows of ``regions`` alone, after ``changes``, which are of them alone.

    Each value is integer / scale as ever; scale and bound are those that would do for the whole part. Raises
    ``NotPlain`` where the whole part would tell of a fault, or might have to.
    """
    rows = list(changes.rows)
    if len(rows) > MOST_ROWS:
        raise NotPlain("so many that the part itself is made")
    added = [_decoded(dataset, row) for row in rows]
    kept = of_regions(earlier.frame, regions)
    fixed = {
        "region": pl.Int32(),
        "period": pl.Int32(),
        **dict.fromkeys(dataset.key, pl.String()),
        "_version": pl.Int64(),
    }
    came = [
        pl.Series(name, [each[0][at] for each in added], dtype=kind) for at, (name, kind) in enumerate(fixed.items())
    ]
    columns = [(kept[series.name], series) for series in came]
    scale: dict[str, int] = {}
    bound: dict[str, int] = {}
    for element in data_elements(dataset):
        code = element.code
        reported = [each[1].get(code) for each in added]
        before = kept[code] if code in earlier.recipe.types else None
        if not element.numeric:
            column = _plain(element, reported)
            columns.append((before if before is not None else _missing(column, kept.height), column))
            continue
        numbers = _numbers(element, reported, units)
        common = math.lcm(earlier.scale.get(code, 1), numbers.scale)
        up, over = common // earlier.scale.get(code, 1), common // numbers.scale
        most = max(earlier.bound.get(code, 0) * up, numbers.bound * over)
        if max(most, common) > LARGEST:
            raise NotPlain(element.path)
        kind = pl.Int64() if most <= _INT64 else pl.Int128()
        column = pl.Series(code, [None if n is None else n * over for n in numbers.integers], dtype=kind)
        scale[code], bound[code] = common, most
        columns.append((_times(before, up, kind) if before is not None else _missing(column, kept.height), column))
    stay, new = (pl.DataFrame(list(frame)) for frame in zip(*columns, strict=True))
    frame = _among(stay, new, set(changes.gone), ["region", "period", *dataset.key, "_version"])
    elements = data_elements(dataset)
    recipe = Recipe(
        dataset.key, {each.code: each.type for each in elements}, {each.code: each.unit for each in elements}, {}
    )
    return Part(frame, scale, bound, "", 0, recipe)


def _decoded(dataset: Dataset, row: PartRow) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """What says which row it is, and what was reported."""
    version, region, period, key, values = row
    try:
        parts, reported = orjson.loads(key) if dataset.key else [], orjson.loads(values)
    except orjson.JSONDecodeError as error:
        raise NotPlain(str(error)) from error
    if len(parts) != len(dataset.key) or not isinstance(reported, dict):
        raise NotPlain("a record of another form")
    return (region, period, *parts, version), reported


def _numbers(element: Element, reported: Sequence[Any], units: UnitTable) -> _Numbers:
    texts = [_part_of(each, "n", str) for each in reported]
    named = [_part_of(each, "u", str) for each in reported]
    try:
        used = {
            unit: factor_of(unit, element, units) for unit, text in zip(named, texts, strict=True) if text is not None
        }
        integers, scale = exact_integers(texts, named, used)
    except (NotRepresentableError, UnitMismatch, ValueError) as error:
        raise NotPlain(f"{element.path}: {error}") from error
    return _Numbers(integers, scale, max((abs(each) for each in integers if each is not None), default=0))


def _plain(element: Element, reported: Sequence[Any]) -> pl.Series:
    if element.type == "boolean":
        return pl.Series(element.code, [_part_of(each, "b", bool) for each in reported], dtype=pl.Boolean())
    texts = [_part_of(each, "t", str) for each in reported]
    if element.type == "date":
        return pl.Series(element.code, [None if text is None else _day(text) for text in texts], dtype=pl.Date())
    return pl.Series(element.code, texts, dtype=pl.String())


def _part_of(reported: Any, name: str, kind: Callable[..., Any]) -> Any:
    if reported is None:
        return None
    found = reported.get(name) if isinstance(reported, dict) else reported
    if found is not None and type(found) is not kind:
        raise NotPlain("a value of another form")
    return found


def _day(text: str) -> date:
    try:
        if len(text) == _ISO_DATE:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise NotPlain(f"{text!r} is no date")


def _missing(column: pl.Series, height: int) -> pl.Series:
    return pl.Series(column.name, [None], dtype=column.dtype).new_from_index(0, height)


def _times(column: pl.Series, factor: int, kind: pl.DataType) -> pl.Series:
    same = column if column.dtype == kind else column.cast(kind)
    return same if factor == 1 else same * pl.Series([factor], dtype=kind)


def _among(stay: pl.DataFrame, come: pl.DataFrame, gone: set[int], order: Sequence[str]) -> pl.DataFrame:
    """The rows of both, but for the versions that are ``gone``, in order; the first has its own in order already."""
    if stay.height > MOST_ROWS or come.height + len(gone) > FEW:
        both = pl.concat([stay, come]).lazy()
        return both.filter(~pl.col("_version").is_in(sorted(gone))).sort(order).collect()
    rows = [
        (place, part, row)
        for part, frame in enumerate((stay, come))
        for row, place in enumerate(zip(*(frame[name].to_list() for name in order), strict=True))
        if part or place[-1] not in gone
    ]
    pieces: list[list[int]] = []  # of which, from, to
    for _, part, row in sorted(rows):
        if pieces and pieces[-1][0] == part and pieces[-1][2] == row:
            pieces[-1][2] = row + 1
        else:
            pieces.append([part, row, row + 1])
    slices = [(stay, come)[part].slice(first, end - first) for part, first, end in pieces]
    return pl.concat(slices) if slices else come.clear()
