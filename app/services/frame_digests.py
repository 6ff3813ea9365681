"""The digest of what a frame shows: of its values alone, whatever memory they came from.

A cell that was made missing keeps what it held in memory; so every missing value is taken as a zero with a mark of its
own. A number's width is not part of its value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import polars as pl

from app.formats.slices import writers

_AT_ONCE = 20_000  # rows up to which a second thread is not worth its start
_OFFSET = 8  # bytes
_Digest = Callable[[int, int], Sequence[memoryview | bytes]]


def frame_digest(frame: pl.DataFrame) -> bytes:
    """32 bytes that two frames share exactly when they have the same columns, rows and values, in the same order."""
    return stretch_digests(frame, [(0, frame.height)])[0]


def stretch_digests(frame: pl.DataFrame, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """The ``frame_digest`` of each stretch (first row, length) of a frame."""
    columns = column_digests(frame, spans)
    return [digest_of_columns(length, each) for each, (_, length) in zip(columns, spans, strict=True)]


def digest_of_columns(length: int, columns: Sequence[bytes]) -> bytes:
    """The digest of so many rows from those of their columns, in order."""
    digest = hashlib.sha256(f"{length}".encode())
    for column in columns:
        digest.update(column)
    return digest.digest()


def column_digests(frame: pl.DataFrame, spans: Sequence[tuple[int, int]]) -> list[tuple[bytes, ...]]:
    """For each stretch the digests of its columns, in order. The columns are taken from memory once."""
    if 2 * sum(length for _, length in spans) < frame.height:
        return [column_digests(frame.slice(start, length), [(0, length)])[0] for start, length in spans]
    if frame.height <= _AT_ONCE:
        columns = [_column_digests(column, spans) for column in frame]
    else:
        begun = [writers().submit(_column_digests, column, spans) for column in frame]
        columns = [future.result() for future in begun]
    return list(zip(*columns, strict=True)) if columns else [()] * len(spans)


def _column_digests(column: pl.Series, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    kind = column.dtype
    name = "integer" if kind.is_integer() else str(kind)
    head = hashlib.sha256(f"{column.name}\0{name}\0".encode())
    nulls = _memory(column.is_null().cast(pl.UInt8)) if column.null_count() else None
    values = _values(column)
    found: list[bytes] = []
    for start, length in spans:
        digest = head.copy()
        missing = None if nulls is None else nulls[start : start + length]
        digest.update(b"whole" if missing is None or b"\1" not in bytes(missing) else missing)
        for piece in values(start, length):
            digest.update(piece)
        found.append(digest.digest())
    return found


def _values(column: pl.Series) -> _Digest:
    """What is digested of the values of a stretch, besides which are missing."""
    kind = column.dtype
    if kind == pl.Int128:
        return lambda start, length: _wide(column.slice(start, length))
    if kind.is_integer():
        return _fixed(_without_nulls(column.cast(pl.Int64), 0))
    if kind == pl.String:
        return _texts(column)
    if kind == pl.Boolean:
        return _fixed(_without_nulls(column.cast(pl.UInt8), 0))
    if kind == pl.Date:
        return _fixed(_without_nulls(column.cast(pl.Int32), 0))
    raise TypeError(f"{column.name} is of {kind}")


def _wide(column: pl.Series) -> Sequence[memoryview | bytes]:
    if _fits_int64(column):
        return _fixed(_without_nulls(column.cast(pl.Int64), 0))(0, len(column))
    # Most columns fit 64 bits; those that do not are told as text.
    return [b"wide", *_texts(column.cast(pl.String))(0, len(column))]


def _fixed(column: pl.Series) -> _Digest:
    memory = _memory(column)
    width = len(memory) // max(len(column), 1)
    return lambda start, length: [memory[start * width : (start + length) * width]]


def _texts(column: pl.Series) -> _Digest:
    """The lengths of all texts, then the texts: no two columns run together alike."""
    filled = _without_nulls(column, "").rechunk()
    lengths = _memory(filled.str.len_bytes().cast(pl.Int64))
    array = filled.to_arrow(compat_level=pl.CompatLevel.oldest())
    data = array.buffers()[2]
    if data is None or not len(array):
        return lambda start, length: [lengths[start * _OFFSET : (start + length) * _OFFSET]]
    first, whole = array.offset, memoryview(array.buffers()[1])
    ends, texts = whole[: (first + len(array) + 1) * _OFFSET].cast("B").cast("q"), memoryview(data)
    return lambda start, length: [
        lengths[start * _OFFSET : (start + length) * _OFFSET],
        texts[ends[first + start] : ends[first + start + length]],
    ]


def _without_nulls(column: pl.Series, value: int | str) -> pl.Series:
    return column.fill_null(value) if column.null_count() else column


def _memory(column: pl.Series) -> memoryview:
    """The values of a column of integers without missing ones, as they lie in memory."""
    array = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def _fits_int64(column: pl.Series) -> bool:
    low, high = column.min(), column.max()
    return low is None or high is None or (int(str(low)) >= -(2**63) and int(str(high)) < 2**63)
