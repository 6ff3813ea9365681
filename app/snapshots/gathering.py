"""From parts to the rows that a mapping runs over: years put together, columns and cells cut to what may be seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import polars as pl

from app.catalogue.model import Dataset, Element, ElementType
from app.mapping.sources import Rows
from app.snapshots.exact_columns import DIGITS, NotRepresentableError
from app.snapshots.few_regions import of_regions
from app.snapshots.part_files import Part

# Whether each of the (region, period) pairs is covered; None: every one is.
CellCover = Callable[[pl.DataFrame], pl.Series]

_INT64 = 2**63 - 1
_INT128 = 2**127 - 1
_TYPES: Mapping[ElementType, pl.DataType] = {
    "integer": pl.Int128(),
    "decimal": pl.Int128(),
    "text": pl.String(),
    "code": pl.String(),
    "date": pl.Date(),
    "boolean": pl.Boolean(),
}


def gather(
    parts: Sequence[Part], dataset: Dataset, elements: Sequence[str], only: Collection[int] | None = None
) -> Rows:
    """The rows of all ``parts`` (of the regions ``only``) with region, period, the key columns and those of ``elements``.

    Numeric columns are Int64 where that holds all parts over one scale, else Int128; a column that an older part does
    not have is null there.
    Raises ``NotRepresentableError`` where a common scale leads beyond 128 bits.
    """
    asked = [dataset.by_code[code] for code in dict.fromkeys(elements) if code not in dataset.key]
    fixed = ["region", "period", *dataset.key]
    scale = {element.code: _common_scale(parts, element) for element in asked if element.numeric}
    kinds = {element.code: _kind(parts, element, scale) for element in asked}
    frames = []
    for part in parts:
        held = _of_regions(part, [*fixed, *(element.code for element in asked)], only)
        columns = [held[name] for name in fixed]
        frames.append(pl.DataFrame([*columns, *(_column(held, part, e, scale, kinds[e.code]) for e in asked)]))
    if not frames:
        schema = {"region": pl.Int32(), "period": pl.Int32(), **dict.fromkeys(dataset.key, pl.String())}
        return Rows(pl.DataFrame(schema={**schema, **{e.code: _TYPES[e.type] for e in asked}}), scale)
    return Rows(frames[0] if len(frames) == 1 else pl.concat(frames, rechunk=True), scale)


def _of_regions(part: Part, columns: Sequence[str], only: Collection[int] | None) -> pl.DataFrame:
    if only is None:
        return part.frame
    held = set(part.frame.columns)
    return of_regions(pl.DataFrame([part.frame[name] for name in columns if name in held]), only)


def restrict(
    rows: Rows, dataset: Dataset, columns: Mapping[str, CellCover | None], *, whole_records: bool = False
) -> Rows:
    """``rows`` with only the elements of ``columns``, their cells null where not covered, and no row without a value.

    Key columns stay as they are, since they say which row it is; a covered key element also is a value of its row.
    With ``whole_records`` a row stays where one of its cells is covered, with a value or without.
    """
    known = dataset.by_code.keys() & columns.keys()
    kept = [code for code in rows.frame.columns if code in known and code not in dataset.key]
    frame = pl.DataFrame([rows.frame[name] for name in ("region", "period", *dataset.key, *kept)])
    pairs = pl.DataFrame([frame["region"], frame["period"]])
    cut: list[pl.Expr] = []
    for code in kept:
        cover = columns[code]
        if cover is not None:
            cut.append(pl.when(_covered(cover, pairs)).then(pl.col(code)).otherwise(None).alias(code))
    frame = frame.with_columns(cut) if cut else frame
    scale = {code: rows.scale[code] for code in kept if code in rows.scale}
    if any(frame[code].null_count() == 0 for code in kept):
        return Rows(frame, scale)
    values: list[pl.Series | pl.Expr] = [pl.col(code).is_not_null() for code in kept]
    if whole_records:
        covers = [columns[code] for code in kept]
        values += [pl.lit(value=True) if cover is None else pl.lit(_covered(cover, pairs)) for cover in covers]
    for code in dataset.key:
        if code in columns:
            cover = columns[code]
            values.append(pl.col(code).is_not_null() if cover is None else pl.lit(_covered(cover, pairs)))
    there = pl.any_horizontal(values) if values else pl.lit(value=False)
    return Rows(frame.filter(there), scale)


def _covered(cover: CellCover, pairs: pl.DataFrame) -> pl.Series:
    return cover(pairs).fill_null(value=False)


def _common_scale(parts: Sequence[Part], element: Element) -> int:
    code = element.code
    common = math.lcm(1, *(part.scale.get(code, 1) for part in parts))
    for part in parts:
        if part.bound.get(code, 0) * (common // part.scale.get(code, 1)) > _INT128:
            raise NotRepresentableError(f"{element.path}: no common denominator of all years within {DIGITS} digits")
    return common


def _kind(parts: Sequence[Part], element: Element, scale: Mapping[str, int]) -> pl.DataType:
    """The narrowest type that holds the element's column in every part, over the common scale."""
    code = element.code
    if not element.numeric:
        return _TYPES[element.type]
    factors = [(part, scale[code] // part.scale[code]) for part in parts if code in part.recipe.types]
    narrow = all(
        part.frame[code].dtype == pl.Int64 and (factor == 1 or factor * max(part.bound.get(code, 0), 1) <= _INT64)
        for part, factor in factors
    )
    return pl.Int64() if factors and narrow else pl.Int128()


def _column(held: pl.DataFrame, part: Part, element: Element, scale: Mapping[str, int], kind: pl.DataType) -> pl.Series:
    code = element.code
    if code not in part.recipe.types:
        return pl.Series(code, [None], dtype=kind).new_from_index(0, held.height)
    found = held[code]
    column = found if found.dtype == kind else found.cast(kind)
    factor = scale[code] // part.scale[code] if element.numeric else 1
    return column if factor == 1 else column * pl.Series([factor], dtype=kind)
