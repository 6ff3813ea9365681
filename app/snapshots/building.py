"""From record versions of the truth to the columns of one part."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import polars as pl
import pyarrow as pa
import pyarrow.json as pj

from app.catalogue.model import Dataset, Element
from app.catalogue.units import UnitMismatch, UnitTable
from app.snapshots.exact_columns import DIGITS, LARGEST, LARGEST_INT64, NotRepresentableError, exact_column

# version id, region id, period ordinal, key as a JSON list of texts, values as JSON {element: Reported.document()}
PartRow = tuple[int, int, int, str, str]

BATCH = 2_000  # rows decoded at a time, so that the JSON of a whole country is never held at once
_BLOCK = 1 << 24
_NUMBER = pa.struct([("n", pa.string()), ("u", pa.string())])
_TEXT = pa.struct([("t", pa.string())])
_FLAG = pa.struct([("b", pa.bool_())])
_FIXED = ("region", "period", "_version")


class PartError(ValueError):
    """The truth holds something that cannot stand in a snapshot; the message names the dataset and the element."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the columns of a part rest on besides the truth: per element its type, unit and the factors used."""

    key: tuple[str, ...]
    types: Mapping[str, str]
    units: Mapping[str, str | None]
    factors: Mapping[str, Mapping[str, str]]

    def fits(self, dataset: Dataset, units: UnitTable) -> bool:
        """Whether a part built by this recipe is still right. Elements that it does not know held nothing."""
        if self.key != dataset.key:
            return False
        for code, kind in self.types.items():
            element = dataset.by_code.get(code)
            if element is None:
                continue
            if element.type != kind or element.unit != self.units[code]:
                return False
            for unit, factor in self.factors.get(code, {}).items():
                try:
                    if str(factor_of(unit, element, units)) != factor:
                        return False
                except UnitMismatch:
                    return False
        return True


@dataclass(frozen=True, slots=True)
class PartChanges:
    """What leads from one revision of a part to a later one: versions that are no longer shown, and rows that now are."""

    gone: Sequence[int]
    rows: Iterable[PartRow]


@dataclass(frozen=True, slots=True)
class BuiltPart:
    """A part before it is written. ``scale`` and ``bound`` (largest absolute integer) are per numeric column."""

    frame: pl.DataFrame
    scale: Mapping[str, int]
    bound: Mapping[str, int]
    recipe: Recipe


def data_elements(dataset: Dataset) -> tuple[Element, ...]:
    """The elements that are columns of their own; key elements stand in the key columns."""
    return tuple(element for element in dataset.elements if element.code not in dataset.key)


def build_part(dataset: Dataset, units: UnitTable, rows: Iterable[PartRow]) -> BuiltPart:
    """The columns of ``rows``, sorted by region, period and key. Raises ``PartError``."""
    elements = data_elements(dataset)
    batches = [_typed(dataset, elements, units, batch) for batch in _batches(rows)]
    batches = batches or [_typed(dataset, elements, units, [])]
    names = ("region", "period", *dataset.key, "_version")
    fixed = pl.DataFrame([_together(batches, name) for name in names])
    order = fixed.select(pl.arg_sort_by(names)).to_series()
    columns = [column.gather(order) for column in fixed]
    scale: dict[str, int] = {}
    bound: dict[str, int] = {}
    for element in elements:
        code = element.code
        if element.numeric:
            try:
                scale[code], bound[code] = _over_one_scale(batches, code)
            except NotRepresentableError as error:
                raise PartError(f"{element.path}: {error}") from error
        columns.append(_together(batches, code).gather(order))
    recipe = Recipe(
        key=dataset.key,
        types={element.code: element.type for element in elements},
        units={element.code: element.unit for element in elements},
        factors={
            element.code: dict(sorted({pair for batch in batches for pair in batch.factors[element.code].items()}))
            for element in elements
            if element.numeric
        },
    )
    return BuiltPart(pl.DataFrame(columns), scale, bound, recipe)


@dataclass(slots=True)
class _Batch:
    """Some rows with their columns as they will be, but for the order and the scale of all rows together."""

    columns: dict[str, pl.Series]
    scale: dict[str, int]
    bound: dict[str, int]
    factors: dict[str, dict[str, str]]


def _typed(dataset: Dataset, elements: tuple[Element, ...], units: UnitTable, rows: list[PartRow]) -> _Batch:
    raw = _decoded(dataset, elements, rows)
    batch = _Batch({name: raw[name] for name in ("region", "period", *dataset.key, "_version")}, {}, {}, {})
    for element in elements:
        column, code = raw.get_column(f"={element.code}"), element.code
        try:
            if element.numeric:
                reported = column.struct.unnest()
                used = _factors(reported, element, units)
                exact = exact_column(reported["n"], reported["u"], used)
                batch.scale[code], batch.bound[code] = exact.scale, exact.bound
                batch.factors[code] = {unit: str(f) for unit, f in _named(used) if unit != element.unit}
                values = exact.values
            else:
                values = _plain(column, element)
        except (NotRepresentableError, ValueError, pl.exceptions.PolarsError) as error:
            raise PartError(f"{element.path}: {error}") from error
        batch.columns[code] = values.alias(code)
    return batch


def _together(batches: Sequence[_Batch], name: str) -> pl.Series:
    """A column of all batches, which let go of theirs: a whole year is never there twice."""
    return pl.concat([batch.columns.pop(name) for batch in batches])


def _over_one_scale(batches: Sequence[_Batch], code: str) -> tuple[int, int]:
    """Brings a column of all batches to their least common scale; gives it, and the largest absolute integer."""
    common = math.lcm(*(batch.scale[code] for batch in batches))
    bound = max(batch.bound[code] * (common // batch.scale[code]) for batch in batches)
    if common > LARGEST or bound > LARGEST:
        raise NotRepresentableError(f"no common denominator within {DIGITS} digits")
    kind = pl.Int64() if bound <= LARGEST_INT64 else pl.Int128()
    for batch in batches:
        factor, column = common // batch.scale[code], batch.columns[code].cast(kind)
        # Of nothing but zeros the factor may be beyond any integer of the kind.
        plain = factor == 1 or not batch.bound[code]
        batch.columns[code] = column if plain else column * pl.Series([factor], dtype=kind)
    return common, bound


def _named(factors: Mapping[str | None, Fraction]) -> Iterator[tuple[str, Fraction]]:
    return ((unit, factor) for unit, factor in factors.items() if unit is not None)


def _factors(reported: pl.DataFrame, element: Element, units: UnitTable) -> dict[str | None, Fraction]:
    found = reported.filter(pl.col("n").is_not_null()).get_column("u").unique().to_list()
    return {unit: factor_of(unit, element, units) for unit in found}


def factor_of(unit: str | None, element: Element, units: UnitTable) -> Fraction:
    """What a number in ``unit`` is multiplied by to be in the element's own. Raises ``UnitMismatch``."""
    if unit is None or element.unit is None or unit == element.unit:
        return Fraction(1)
    return units.factor(unit, element.unit)


def _plain(column: pl.Series, element: Element) -> pl.Series:
    if element.type == "boolean":
        return column.struct.field("b")
    text = column.struct.field("t")
    return text.str.to_date("%Y-%m-%d", strict=True) if element.type == "date" else text


def _batches(rows: Iterable[PartRow]) -> Iterator[list[PartRow]]:
    source = iter(rows)
    while batch := list(itertools.islice(source, BATCH)):
        yield batch


def _decoded(dataset: Dataset, elements: tuple[Element, ...], batch: list[PartRow]) -> pl.DataFrame:
    """The fixed columns, the key columns, and per element a struct ``=code`` of what was reported."""
    versions, regions, periods, keys, values = zip(*batch, strict=True) if batch else ((), (), (), (), ())
    fixed = pl.DataFrame(
        {"region": regions, "period": periods, "_version": versions},
        schema={"region": pl.Int32, "period": pl.Int32, "_version": pl.Int64},
    )
    key_columns: list[pl.Series] = []
    if dataset.key:
        parts = pl.Series(keys, dtype=pl.String).str.json_decode(pl.List(pl.String)).list
        key_columns = [parts.get(index).alias(code) for index, code in enumerate(dataset.key)]
    schema = pa.schema([(element.code, _shape(element)) for element in elements])
    reported = pl.DataFrame(pl.from_arrow(_parsed(values, schema))) if elements else pl.DataFrame()
    return pl.DataFrame(
        [*fixed, *key_columns, *(reported.get_column(e.code).alias(f"={e.code}") for e in elements)]
    ).rechunk()


def _shape(element: Element) -> pa.StructType:
    if element.numeric:
        return _NUMBER
    return _FLAG if element.type == "boolean" else _TEXT


def _parsed(values: tuple[str, ...], schema: pa.Schema) -> pa.Table:
    if not values:
        return schema.empty_table()
    # One document a line: a line break in JSON text can only be white space between its tokens.
    lines = "\n".join(value.replace("\n", " ") if "\n" in value else value for value in values).encode()
    options = pj.ReadOptions(block_size=max(_BLOCK, 4 * max(map(len, values))))
    shape = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        table = pj.read_json(pa.BufferReader(lines), read_options=options, parse_options=shape)
    except pa.ArrowInvalid as error:
        raise PartError(f"a record of the truth is not of the expected form: {error}") from error
    return table.select(schema.names).cast(schema)
