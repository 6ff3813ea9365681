"""One part as an Arrow IPC file: written once, named by the digest of its bytes, memory-mapped, checked on opening.

Integers of more than 64 bits stand as decimal128(38, 0), since Arrow has no wider integer. What the integers mean
(scale, largest value, recipe) is in the schema metadata, so that any Arrow reader can use the file alone.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from app.snapshots.building import BuiltPart, Recipe

SUFFIX = ".arrow"
TEMPORARY = ".partial"
_LAYOUT = 1  # raised when files of an earlier version must not be read
_METADATA = b"township.part"
_NAMED = 40  # hexadecimal digits of the SHA-256 that are in the name
_EMPTY = {pa.large_string(): "", pa.bool_(): False, pa.date32(): date(1970, 1, 1)}


class DamagedPartError(OSError):
    """The file is not what was written: cut off, changed, or of another layout."""


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one dataset and year at one revision, read-only and memory-mapped.

    ``frame`` has region, period, the key columns, ``_version``, then one column per element; a numeric one is
    Int64, or Decimal(38, 0) where that is not enough, and its value is integer / ``scale[element]``.
    """

    frame: pl.DataFrame
    scale: Mapping[str, int]
    bound: Mapping[str, int]
    digest: str
    size: int
    recipe: Recipe
    pages: mmap.mmap | None = field(default=None, repr=False, compare=False)

    def let_go(self) -> None:
        """Give back the memory that the mapped file takes; it is read again from the disk's cache when asked for."""
        if self.pages is not None:
            self.pages.madvise(mmap.MADV_DONTNEED)


def folder_of(root: Path, dataset: str, year: int) -> Path:
    return root / quote(dataset, safe="").replace(".", "%2E") / str(year)


def candidates(folder: Path, revision: int) -> list[Path]:
    """The files that may hold the part, in a fixed order."""
    return sorted(folder.glob(f"{revision}-*{SUFFIX}"))


def write_part(folder: Path, revision: int, built: BuiltPart) -> Path:
    """Writes the part under a temporary name and renames it.

    Several processes may do so at once: the same bytes get the same name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{revision}-{os.getpid()}-{secrets.token_hex(8)}{TEMPORARY}"
    table = _table(built)
    try:
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        final = folder / f"{revision}-{_digest(temporary)}{SUFFIX}"
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
    return final


def open_part(path: Path) -> Part:
    """The part of ``path``; raises ``DamagedPartError`` unless its bytes are those that were written."""
    named = path.name.removesuffix(SUFFIX).partition("-")[2]
    try:
        with path.open("rb") as file:
            # Read and not mapped: looking at all of it would leave all of it in the memory of this process.
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # nothing in it
        raise DamagedPartError(f"{path.name}: {error}") from error
    if digest[:_NAMED] != named:
        raise DamagedPartError(f"{path.name}: the bytes are not those of the name")
    return _part(mapped, named, path.name)


def part_in_memory(built: BuiltPart) -> Part:
    """The same part without a file: for when there is nowhere to keep one."""
    table = _table(built)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    return _part(data, hashlib.sha256(data).hexdigest()[:_NAMED], "a part in memory")


def _part(data: mmap.mmap | pa.Buffer, digest: str, name: str) -> Part:
    try:
        reader = pa.ipc.open_file(pa.py_buffer(data))
        about = json.loads((reader.schema.metadata or {}).get(_METADATA, b"{}"))
        if about.get("layout") != _LAYOUT:
            raise DamagedPartError(f"{name}: another layout")
        frame = pl.DataFrame(pl.from_arrow(reader.read_all()))
        recipe = Recipe(tuple(about["key"]), about["types"], about["units"], about["factors"])
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise DamagedPartError(f"{name}: {error}") from error
    scale = {code: int(text) for code, text in about["scale"].items()}
    bound = {code: int(text) for code, text in about["bound"].items()}
    pages = data if isinstance(data, mmap.mmap) else None
    return Part(frame, scale, bound, digest, len(data), recipe, pages)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_NAMED]


def _table(built: BuiltPart) -> pa.Table:
    """One record batch with views for texts: the form that Polars takes over from the mapped file without copying."""
    columns = [_array(column) for column in built.frame]
    recipe = built.recipe
    about = {
        "layout": _LAYOUT,
        "scale": {code: str(value) for code, value in built.scale.items()},
        "bound": {code: str(value) for code, value in built.bound.items()},
        "key": recipe.key,
        "types": recipe.types,
        "units": recipe.units,
        "factors": recipe.factors,
    }
    text = json.dumps(about, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    table = pa.Table.from_arrays(columns, names=built.frame.columns)
    return table.replace_schema_metadata({_METADATA: text.encode()})


def _array(column: pl.Series) -> pa.Array:
    """One column as it stands in the file; made by itself, so that what is made on the way is never there of all."""
    narrow = column.cast(pl.Decimal(38, 0)) if column.dtype == pl.Int128 else column
    # What is in memory below a null depends on the way there; with zeros, the same values give the same bytes.
    array = _zeros_below_nulls(narrow.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))
    return array.cast(pa.string_view()) if pa.types.is_large_string(array.type) else array


def _zeros_below_nulls(array: pa.Array) -> pa.Array:
    if not array.null_count:
        return array
    empty = pa.scalar(_EMPTY.get(array.type, 0)).cast(array.type)
    return pc.if_else(array.is_valid(), array.fill_null(empty), pa.scalar(None, array.type))
