"""A part made from an earlier revision of itself: what a submission touched is read from the truth, nothing else."""

from __future__ import annotations

import math

import polars as pl

from app.catalogue.model import Dataset, Element
from app.catalogue.units import UnitTable
from app.snapshots.building import BuiltPart, PartChanges, PartError, Recipe, build_part, data_elements
from app.snapshots.exact_columns import NotRepresentableError, reduced
from app.snapshots.part_files import Part

_INT128 = 2**127 - 1


def revised_part(earlier: Part, dataset: Dataset, units: UnitTable, changes: PartChanges) -> BuiltPart:
    """The part after ``changes``: the same rows, columns, scales and bounds that a build from the truth gives.

    ``earlier`` must fit the dataset and the units. The recipe may name a unit that no kept row uses any more. Raises
    ``PartError`` as a build from the truth may; whoever asks then builds from the truth, which has the last word.
    """
    added = build_part(dataset, units, changes.rows)
    gone = pl.DataFrame({"_version": changes.gone}, schema={"_version": pl.Int64})
    kept = earlier.frame.join(gone, on="_version", how="anti", maintain_order="left")
    columns = [pl.concat([kept[name], added.frame[name]]) for name in ("region", "period", *dataset.key, "_version")]
    scale: dict[str, int] = {}
    bound: dict[str, int] = {}
    for element in data_elements(dataset):
        code = element.code
        before = kept[code] if code in earlier.recipe.types else _missing(added.frame[code].dtype, kept.height, element)
        if not element.numeric:
            columns.append(pl.concat([before, added.frame[code]]).alias(code))
            continue
        common = math.lcm(earlier.scale.get(code, 1), added.scale[code])
        try:
            exact = reduced(
                pl.concat(
                    [
                        _over(before, common // earlier.scale.get(code, 1), earlier.bound.get(code, 0), element),
                        _over(added.frame[code], common // added.scale[code], added.bound[code], element),
                    ]
                ),
                common,
            )
        except NotRepresentableError as error:
            raise PartError(f"{element.path}: {error}") from error
        scale[code], bound[code] = exact.scale, exact.bound
        columns.append(exact.values.alias(code))
    frame = pl.DataFrame(columns).sort("region", "period", *dataset.key, "_version")
    return BuiltPart(frame, scale, bound, _both(earlier.recipe, added.recipe))


def _missing(kind: pl.DataType, height: int, element: Element) -> pl.Series:
    return pl.Series(element.code, [None], dtype=kind).new_from_index(0, height)


def _over(column: pl.Series, factor: int, bound: int, element: Element) -> pl.Series:
    if bound * factor > _INT128:
        raise NotRepresentableError(f"{element.path}: no common denominator within 128 bits")
    wide = column.cast(pl.Int128)
    return wide if factor == 1 else wide * pl.Series([factor], dtype=pl.Int128)


def _both(earlier: Recipe, added: Recipe) -> Recipe:
    factors = {
        code: dict(sorted({**earlier.factors.get(code, {}), **used}.items())) for code, used in added.factors.items()
    }
    return Recipe(added.key, added.types, added.units, factors)
