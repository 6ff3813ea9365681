"""Arrow IPC stream and Parquet: typed columns, exact decimals, the schema also where there are no rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.formats.column_texts import DIGITS, decimal_array
from app.formats.fields import column_name, fits_int64
from app.mapping.plan import OutputField

SLICE = 50_000
_EMPTY = {pa.large_string(): "", pa.bool_(): False, pa.date32(): date(1970, 1, 1)}
_TYPES = {"text": pa.string(), "boolean": pa.bool_(), "date": pa.date32()}


class _Pieces:
    """A sink that gives out what was written to it, piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def taken(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data


def write_arrow(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """The IPC stream: numbers without decimals as int64 (decimal128(38, 0) if one is wider), else decimal128(38, d)."""
    return arrow_of_pieces(fields, wide_fields(fields, frame), iter([frame]))


def write_parquet(fields: Sequence[OutputField], frame: pl.DataFrame) -> Iterator[bytes]:
    """Parquet with zstd, one row group a piece; types as in ``write_arrow``."""
    return parquet_of_pieces(fields, wide_fields(fields, frame), iter([frame]))


def arrow_of_pieces(
    fields: Sequence[OutputField], wide: Collection[str], frames: Iterator[pl.DataFrame]
) -> Iterator[bytes]:
    """As ``write_arrow`` of the ``frames`` one behind the other; ``wide`` are the ``wide_fields`` of any of them."""
    schema = _schema(fields, wide)
    sink = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        yield sink.taken()
        for rows in _in_slices(frames):
            writer.write_batch(_batch(fields, rows, schema))
            yield sink.taken()
    yield sink.taken()


def parquet_of_pieces(
    fields: Sequence[OutputField], wide: Collection[str], frames: Iterator[pl.DataFrame]
) -> Iterator[bytes]:
    """As ``write_parquet`` of the ``frames`` one behind the other; ``wide`` are the ``wide_fields`` of any of them."""
    schema = _schema(fields, wide)
    sink = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for rows in _in_slices(frames):
            writer.write_batch(_batch(fields, rows, schema))
            yield sink.taken()
    yield sink.taken()


def wide_fields(fields: Sequence[OutputField], frame: pl.DataFrame) -> frozenset[str]:
    """The names of whole numbers of which one does not fit 64 bits."""
    whole = (field for field in fields if field.kind == "number" and field.decimals == 0)
    return frozenset(field.name for field in whole if not fits_int64(frame.get_column(column_name(field))))


def _in_slices(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows of all frames, ``SLICE`` at a time, in whatever pieces they come."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(each.height for each in waiting) < SLICE:
            continue
        rows = waiting[0] if len(waiting) == 1 else pl.concat(waiting, how="vertical_relaxed")
        whole = rows.height - rows.height % SLICE
        for start in range(0, whole, SLICE):
            yield rows.slice(start, SLICE)
        waiting = [rows.slice(whole)]
    rest = pl.concat(waiting, how="vertical_relaxed") if waiting else pl.DataFrame()
    if rest.height:
        yield rest


def _schema(fields: Sequence[OutputField], wide: Collection[str]) -> pa.Schema:
    return pa.schema([pa.field(field.name, _type(field, wide), metadata=_about(field)) for field in fields])


def _type(field: OutputField, wide: Collection[str]) -> pa.DataType:
    if field.kind != "number":
        return _TYPES[field.kind]
    if field.decimals == 0 and field.name not in wide:
        return pa.int64()
    return pa.decimal128(DIGITS, field.decimals)


def _about(field: OutputField) -> dict[str, str]:
    return {"title": field.title, **({"unit": field.unit} if field.unit else {})}


def _batch(fields: Sequence[OutputField], frame: pl.DataFrame, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        _array(field, frame.get_column(column_name(field)), kind)
        for field, kind in zip(fields, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(field: OutputField, column: pl.Series, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return _nothing_below_nulls(decimal_array(column, field.decimals))
    if pa.types.is_int64(kind):
        column = column.cast(pl.Int64)
    # In this order: the cast copies what it is given.
    return _nothing_below_nulls(column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())).cast(kind)


def _nothing_below_nulls(array: pa.Array) -> pa.Array:
    """The same values, with zeros where there is none.

    A cell that was made null keeps its value in memory below the mark that says so, and Arrow writes the memory: a
    value that the reader may not see would be in the answer.
    """
    if not array.null_count:
        return array
    empty = pa.scalar(_EMPTY.get(array.type, 0)).cast(array.type)
    return pc.if_else(array.is_valid(), array.fill_null(empty), pa.scalar(None, array.type))
