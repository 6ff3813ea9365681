"""The digest of what a frame shows: of its values alone, whatever memory they came from.

A cell that was made missing keeps what it held in memory; so every missing value is taken as a zero with a mark of its
own. A number's width is not part of its value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import polars as pl
import pyarrow as pa


def frame_digest(frame: pl.DataFrame) -> bytes:
    """32 bytes that two frames share exactly when they have the same columns, rows and values, in the same order."""
    digest = hashlib.sha256(f"{frame.height}".encode())
    for column in frame:
        digest.update(_column_digest(column))
    return digest.digest()


def _column_digest(column: pl.Series) -> bytes:
    kind = column.dtype
    name = "integer" if kind.is_integer() else str(kind)
    digest = hashlib.sha256(f"{column.name}\0{name}\0".encode())
    if column.null_count():
        digest.update(_memory(column.is_null().cast(pl.UInt8)))
    else:
        digest.update(b"whole")
    if kind.is_integer() and _fits_int64(column):
        digest.update(_memory(column.cast(pl.Int64).fill_null(0)))
    elif kind.is_integer():
        # Most columns fit 64 bits; those that do not are told as text.
        digest.update(b"wide")
        _texts(column.cast(pl.String), digest.update)
    elif kind == pl.String:
        _texts(column, digest.update)
    elif kind == pl.Boolean:
        digest.update(_memory(column.fill_null(value=False).cast(pl.UInt8)))
    elif kind == pl.Date:
        digest.update(_memory(column.cast(pl.Int32).fill_null(0)))
    else:
        raise TypeError(f"{column.name} is of {kind}")
    return digest.digest()


def _texts(column: pl.Series, take: Callable[[memoryview], None]) -> None:
    """The lengths of all texts, then the texts: no two columns run together alike."""
    filled = column.fill_null("")
    take(_memory(filled.str.len_bytes().cast(pl.Int64)))
    array = filled.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    if data is not None and len(array):
        ends = pa.Array.from_buffers(pa.int64(), len(array) + 1, [None, array.buffers()[1]], offset=array.offset)
        take(memoryview(data)[ends[0].as_py() : ends[-1].as_py()])


def _memory(column: pl.Series) -> memoryview:
    """The values of a column of integers without missing ones, as they lie in memory."""
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def _fits_int64(column: pl.Series) -> bool:
    if column.dtype != pl.Int128:
        return True
    low, high = column.min(), column.max()
    return low is None or high is None or (int(str(low)) >= -(2**63) and int(str(high)) < 2**63)
