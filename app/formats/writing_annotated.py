"""Records as JSON objects with something said beside their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from app.formats.writing_json import write_ndjson
from app.mapping.plan import OutputField


def annotated_records(
    fields: Sequence[OutputField], frame: pl.DataFrame, notes: Sequence[Mapping[str, Any]]
) -> Iterator[bytes]:
    """Each record as one JSON object: its fields as always, then what ``notes`` has for it (one for each row)."""
    # A line break inside a text is escaped, so that every line is one record.
    lines = (line for piece in write_ndjson(fields, frame) for line in piece.splitlines())
    for line, note in zip(lines, notes, strict=True):
        added = orjson.dumps(dict(note))[1:]
        yield line[:-1] + (b"," if fields and note else b"") + added
